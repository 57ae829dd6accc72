(** Chapter "limits": shares. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Trace.
Variable R : realFieldType.

Definition fro m n (A : 'M[R]_(m, n)) : R := \tr (A *m A^T).

Lemma froE m n (A : 'M[R]_(m, n)) : fro A = \sum_i sq (row i A)^T.
Proof.
rewrite /fro /mxtrace; apply: eq_bigr => i _; rewrite /sq dotE mxE.
by apply: eq_bigr => k _; rewrite !mxE.
Qed.

Lemma fro_ge0 m n (A : 'M[R]_(m, n)) : 0 <= fro A.
Proof. by rewrite froE; apply: sumr_ge0 => i _; exact: sq_ge0. Qed.

(* splitting by an orthogonal projector *)
Lemma fro_split m n (A : 'M[R]_(m, n)) (Q : 'M[R]_n) :
  Q^T = Q -> Q *m Q = Q -> fro (A *m Q) <= fro A.
Proof.
move=> QT QQ; pose P := 1%:M - Q.
have PT : P^T = P by rewrite linearB /= trmx1 QT.
have PP : P *m P = P by rewrite mulmxBl mul1mx mulmxBr mulmx1 QQ subrr subr0.
have -> : fro A = fro (A *m Q) + fro (A *m P).
  rewrite /fro !trmx_mul PT QT !mulmxA -!(mulmxA A) QQ PP.
  by rewrite -mxtraceD -mulmxDr -mulmxDl addrC subrK mul1mx.
by rewrite ler_addl fro_ge0.
Qed.

Lemma trace_bound N (D : 'M[R]_N) : N%:R - (\rank D)%:R <= fro (1%:M - D).
Proof.
pose Q := 1%:M - proj D.
have QQ : Q *m Q = Q by rewrite mulmxBl mul1mx mulmxBr mulmx1 proj_idem subrr subr0.
have DQ : D *m Q = 0 by rewrite mulmxBr mulmx1 projK subrr.
have -> : N%:R - (\rank D)%:R = fro ((1%:M - D) *m Q).
  by rewrite mulmxBl mul1mx DQ subr0 /fro projCT QQ raddfB /= mxtrace1 trace_proj.
exact: fro_split (projCT D) QQ.
Qed.

(* statement: thm-share (1 in part) "the shares sum to at most the dimension" *)
(* difference: the functions are the rows of E in a space of finite dimension D with the inner
   product u M v^T; the rows of C are any points of the subspace V, the nearest included, and
   rank C <= dim V. So the sum of the squared distances is at least N - dim V. *)
Theorem thm_share_1 N D (M : 'M[R]_D) (E C : 'M[R]_(N, D)) :
  M^T = M -> psd M -> E *m M *m E^T = 1%:M ->
  N%:R - (\rank C)%:R <= \tr ((E - C) *m M *m (E - C)^T).
Proof.
move=> MT pos orth; pose A := C *m M *m E^T; pose Z := C - A *m E.
have ZE : Z *m M *m E^T = 0.
  by rewrite /Z !mulmxBl -!(mulmxA A) orth mulmx1 subrr.
have EZ : E *m M *m Z^T = 0.
  by apply: trmx_inj; rewrite trmx0 !trmx_mul trmxK MT mulmxA ZE.
have CE : E - C = (1%:M - A) *m E - Z by rewrite mulmxBl mul1mx /Z opprB addrA subrK.
have -> : (E - C) *m M *m (E - C)^T =
    (1%:M - A) *m (1%:M - A)^T + Z *m M *m Z^T.
  clearbody Z; rewrite CE; set B := 1%:M - A; clearbody B.
  have -> : (B *m E - Z)^T = E^T *m B^T - Z^T by rewrite linearB /= trmx_mul.
  rewrite !(mulmxBl, mulmxBr) !mulmxA ZE mul0mx subr0.
  by rewrite -!(mulmxA B) orth EZ mulmx0 mul1mx sub0r opprK.
rewrite mxtraceD -/(fro (1%:M - A)); apply: ler_paddr.
  rewrite /mxtrace sumr_ge0 // => i _; have := pos (row i Z)^T.
  rewrite /dot trmxK mulmxA -row_mul [X in 0 <= X]mxE [X in _ -> 0 <= X]mxE.
  congr (0 <= _); apply: eq_bigr => k _.
  by congr (_ * _); [rewrite [LHS]mxE | rewrite !mxE].
apply: le_trans (trace_bound A); rewrite ler_add2l ler_opp2 ler_nat.
exact: leq_trans (mxrankM_maxl _ _) (mxrankM_maxl _ _).
Qed.

(* statement: thm-share (1 in part) "the mean of the squared distances is at least 1 - n/N" *)
(* difference: as above. *)
Theorem thm_share_1_mean N D n (M : 'M[R]_D) (E C : 'M[R]_(N, D)) :
  (0 < N)%N -> M^T = M -> psd M -> E *m M *m E^T = 1%:M -> (\rank C <= n)%N ->
  1 - n%:R / N%:R <= N%:R^-1 * \tr ((E - C) *m M *m (E - C)^T).
Proof.
move=> N0 MT pos orth Cn; have N1 : N%:R != 0 :> R by rewrite pnatr_eq0 -lt0n.
have -> : 1 - n%:R / N%:R = N%:R^-1 * (N%:R - n%:R) :> R.
  by rewrite mulrBr mulVf // mulrC.
rewrite ler_pmul2l ?invr_gt0 ?ltr0n //.
by apply: le_trans (thm_share_1 C MT pos orth); rewrite ler_add2l ler_opp2 ler_nat.
Qed.

(* statement: thm-share (3) "with both signs a start costs nothing" *)
(* difference: in R^D; P is the orthogonal projector on V, f0 the start. *)
Theorem thm_share_3 D (P : 'M[R]_D) (phi f0 : 'cV[R]_D) :
  let rest u := (1%:M - P) *m u in
  2^-1 * sq (rest (phi - f0)) + 2^-1 * sq (rest (- phi - f0)) = sq (rest phi) + sq (rest f0).
Proof.
move=> rest; rewrite /rest !mulmxBr !mulmxN.
set u := _ *m phi; set u0 := _ *m f0.
rewrite !sqD !dotNr !dotNl !sqN mulrN.
by field.
Qed.
End Trace.
