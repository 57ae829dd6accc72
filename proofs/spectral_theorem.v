(** The spectral theorem for symmetric matrices over a real closed field, from the fundamental
    theorem of algebra: an eigenvector, a reflection that takes it to a coordinate axis, and
    induction. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import complex ring.
From NTK Require Import preface algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Spectral.
Variable R : rcfType.

Lemma real_eigen n (A : 'M[R]_n.+1) : A^T = A ->
  exists l, exists2 u : 'cV_n.+1, u != 0 & A *m u = l *: u.
Proof.
move=> AT; pose B := map_mx (real_complex R) A.
have [l] : exists l, root (char_poly B) l.
  by apply/closed_rootP; rewrite size_char_poly.
rewrite -eigenvalue_root_char => /eigenvalueP [v vB v0].
case: l vB => a b vB.
pose x : 'cV[R]_n.+1 := \col_j complex.Re (v 0 j).
pose y : 'cV[R]_n.+1 := \col_j complex.Im (v 0 j).
have ReB j : complex.Re ((v *m B) 0 j) = (A *m x) j 0.
  rewrite !mxE raddf_sum; apply: eq_bigr => k _; rewrite !mxE -[in RHS]AT mxE.
  by case: (v 0 k) => s t /=; rewrite mulr0 subr0 mulrC.
have ImB j : complex.Im ((v *m B) 0 j) = (A *m y) j 0.
  rewrite !mxE raddf_sum; apply: eq_bigr => k _; rewrite !mxE -[in RHS]AT mxE.
  by case: (v 0 k) => s t /=; rewrite mulr0 add0r mulrC.
have Ax : A *m x = a *: x - b *: y.
  by apply/colP => j; rewrite -ReB vB !mxE; case: (v 0 j).
have Ay : A *m y = a *: y + b *: x.
  by apply/colP => j; rewrite -ImB vB !mxE; case: (v 0 j).
have : b * (sq x + sq y) = 0.
  have := dot_adj A x y; rewrite AT Ax Ay dotBl dotDr !dotZl !dotZr -!/(sq _).
  by move=> /eqP; rewrite -subr_eq0 => /eqP e; apply: oppr_inj; rewrite oppr0 -e; ring.
move/eqP; rewrite mulf_eq0 => /orP[/eqP b0|]; last first.
  rewrite paddr_eq0 ?sq_ge0 // !sq_eq0 => /andP[/eqP x0 /eqP y0].
  case/eqP: v0; apply/rowP => j; have := x0; have := y0.
  move=> /colP/(_ j); rewrite !mxE => ij /colP/(_ j); rewrite !mxE => rj.
  by case: (v 0 j) ij rj => s t /= -> ->.
rewrite b0 !scale0r subr0 addr0 in Ax Ay.
exists a; have [x0|x0] := eqVneq x 0; last by exists x.
exists y => //; apply: contraNneq v0 => y0; apply/eqP/rowP => j.
have := x0; move=> /colP/(_ j); have := y0; move=> /colP/(_ j); rewrite !mxE.
by case: (v 0 j) => s t /= -> ->.
Qed.

(* a reflection that takes u to e *)
Lemma reflection n (u e : 'cV[R]_n) : sq u = 1 -> sq e = 1 ->
  exists H : 'M_n, [/\ H^T = H, H *m H = 1%:M & H *m u = e].
Proof.
move=> u1 e1; have [->|ue] := eqVneq u e.
  by exists 1%:M; rewrite trmx1 !mul1mx.
pose w := u - e; have w0 : sq w != 0 by rewrite sq_eq0 subr_eq0.
pose c := 2 / sq w; pose W := w *m w^T.
have Wv v : W *m v = dot w v *: w.
  by rewrite -mulmxA [w^T *m v]mx11_scalar mul_mx_scalar.
have WW : W *m W = sq w *: W.
  by rewrite {2}/W mulmxA Wv -scalemxAl.
exists (1%:M - c *: W); split.
- by rewrite linearB /= linearZ /= trmx1 trmx_mul trmxK.
- have cw : c * c * sq w = c + c by rewrite -mulrA [c * sq w]divfK // mulr_natr mulr2n.
  rewrite mulmxBl mul1mx mulmxBr mulmx1 -scalemxAr -scalemxAl WW !scalerA cw.
  by rewrite scalerDl opprB addrK subrK.
- rewrite mulmxBl mul1mx -scalemxAl Wv scalerA.
  have -> : c * dot w u = 1.
    have sw : sq w = 2 * dot w u.
      by rewrite /w /sq !dotBl !dotBr -!/(sq _) u1 e1 (dotC u e); ring.
    by rewrite /c sw mulrAC divff // -sw.
  by rewrite scale1r opprB addrC subrK.
Qed.

Theorem spectral n (A : 'M[R]_n) : A^T = A ->
  exists (V : 'M_n) (l : 'rV_n), V *m V^T = 1%:M /\ A = V^T *m diag_mx l *m V.
Proof.
elim: n A => [|n IH] A AT.
  by exists 1%:M, 0; split; apply/matrixP => -[].
have [l [u0 u0n0 Au0]] := real_eigen AT.
pose u := (Num.sqrt (sq u0))^-1 *: u0.
have u1 : sq u = 1.
  rewrite /u /sq dotZl dotZr mulrA -expr2 exprVn sqr_sqrtr; last exact: sq_ge0.
  by rewrite mulVf // sq_eq0.
have Au : A *m u = l *: u by rewrite /u -scalemxAr Au0 !scalerA mulrC.
have e1 : sq (delta_mx 0 0 : 'cV[R]_(1 + n)) = 1.
  by rewrite /sq /dot trmx_delta mul_delta_mx mxE !eqxx.
have [H [HT HH Hu]] := reflection u1 e1.
pose B : 'M_(1 + n) := H *m A *m H.
have BT : B^T = B by rewrite /B !trmx_mul HT AT mulmxA.
have Be : B *m (H *m u) = l *: (H *m u).
  by rewrite /B -!mulmxA (mulmxA H H) HH mul1mx Au -!scalemxAr.
have AB : A = H *m B *m H by rewrite /B !mulmxA HH mul1mx -mulmxA HH mulmx1.
rewrite Hu in Be; clearbody B.
have Bl : lsubmx B = col_mx l%:M 0.
  apply/matrixP => i j; have /colP/(_ i) := Be; rewrite -colE !mxE (ord1 j).
  rewrite (_ : lshift n 0 = 0) => [->|]; last exact/val_inj.
  by case: (splitP i) => k ik; rewrite !mxE eqxx andbT -val_eqE /= ik ?ord1 ?mulr1 ?mulr0.
have BE : B = block_mx l%:M 0 0 (drsubmx B).
  have ul : ulsubmx B = l%:M.
    by rewrite -(col_mxKu l%:M (0 : 'cV_n)) -Bl; apply/matrixP => i j; rewrite !mxE.
  have dl : dlsubmx B = 0.
    by rewrite -(col_mxKd l%:M (0 : 'cV_n)) -Bl; apply/matrixP => i j; rewrite !mxE.
  have ur : ursubmx B = 0 by rewrite -BT -trmx_dlsub dl trmx0.
  by rewrite -{1}(submxK B) ul dl ur.
have DT : (drsubmx B)^T = drsubmx B by rewrite trmx_drsub BT.
have [V [l' [VV DE]]] := IH _ DT.
pose V2 : 'M_(1 + n) := block_mx 1%:M 0 0 V.
pose l2 : 'rV_(1 + n) := row_mx l%:M l'.
have VV2 : V2 *m V2^T = 1%:M.
  rewrite /V2 tr_block_mx mulmx_block !trmx0 !mulmx0 !mul0mx !addr0 !add0r.
  by rewrite trmx1 mulmx1 VV -scalar_mx_block.
have BV : B = V2^T *m diag_mx l2 *m V2.
  rewrite BE DE /V2 /l2 tr_block_mx diag_mx_row !mulmx_block !trmx0 !mulmx0 !mul0mx.
  rewrite !addr0 !add0r trmx1 mul1mx mulmx1; congr block_mx; rewrite ?mul0mx //.
  by apply/matrixP => i j; rewrite !mxE !ord1.
clearbody V2 l2; exists (V2 *m H); exists l2; split.
  by rewrite trmx_mul HT -mulmxA (mulmxA H H) HH mul1mx.
by rewrite AB BV trmx_mul HT !mulmxA.
Qed.
End Spectral.
