(** Chapter "guide": the ridge, conjugate gradients, centres. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra span.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** A loss with a ridge: the minimizer. *)
Section Ridge.
Variable R : realFieldType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 y : 'cV[R]_n) (w0 : 'cV[R]_p) (lambda : R).
Hypothesis lambda_gt0 : 0 < lambda.
Local Notation F0 := (lin J f0 w0).
Let r := y - f0.
Let M := gram J + lambda%:M.
Let L w := 2^-1 * sq (F0 w - y) + lambda / 2 * sq (w - w0).
Let w_ridge := w0 + J^T *m (invmx M *m r).

Lemma ridge_unit : M \in unitmx.
Proof. by apply: posdef_unit; apply: psd_ridge lambda_gt0; exact: gram_psd. Qed.

(** At the minimizer the residual is -lambda alpha. *)
Lemma ridge_residual : F0 w_ridge - y = - lambda *: (invmx M *m r).
Proof.
have rE : gram J *m (invmx M *m r) + lambda *: (invmx M *m r) = r.
  by rewrite -mul_scalar_mx -mulmxDl mulKVmx //; exact: ridge_unit.
have -> : F0 w_ridge - y = gram J *m (invmx M *m r) - r.
  by rewrite /lin /w_ridge addKB mulmxA /r opprB addrA [f0 + _]addrC.
by rewrite -[X in _ - X]rE opprD addrA subrr sub0r scaleNr.
Qed.

(** The loss around the minimizer: there is no linear term. *)
Lemma ridge_around h :
  L (w_ridge + h) = L w_ridge + (2^-1 * sq (J *m h) + lambda / 2 * sq h).
Proof.
set a := invmx M *m r.
have F0E : F0 (w_ridge + h) - y = - lambda *: a + J *m h.
  rewrite -ridge_residual /lin [w_ridge + h - w0]addrAC (mulmxDr J (w_ridge - w0) h).
  by rewrite addrA [LHS]addrAC.
have wE : w_ridge + h - w0 = J^T *m a + h by rewrite addrAC addKB.
have w0E : w_ridge - w0 = J^T *m a by rewrite addKB.
rewrite /L F0E wE ridge_residual w0E -/a !sqD dotZl dot_adj trmxK.
have -> : dot a (J *m h) = dot (J^T *m a) h by rewrite dot_adj trmxK.
by field.
Qed.

(* statement: prp-ridge (1) "exactly one minimizer: w0 + J^T alpha, alpha = (K + lambda I)^-1 r" *)
Theorem prp_ridge_1 w : minimizer L w <-> w = w_ridge.
Proof.
have half : 0 < lambda / 2 by rewrite divr_gt0 // ltr0n.
have ge0 h : 0 <= 2^-1 * sq (J *m h) by rewrite mulr_ge0 ?sq_ge0 // invr_ge0 ler0n.
split=> [wmin | -> w']; last first.
  have -> : w' = w_ridge + (w' - w_ridge) by rewrite addrC subrK.
  by rewrite ridge_around ler_addl addr_ge0 // mulr_ge0 ?sq_ge0 // ltW.
(* With h = w - w_ridge, the squared length of h is not above zero. *)
set h := w - w_ridge; have wE : w = w_ridge + h by rewrite addrC subrK.
apply/eqP; rewrite -subr_eq0 -/h -sq_eq0 eq_le sq_ge0 andbT.
have := wmin w_ridge; rewrite wE ridge_around ger_addl => le0.
rewrite -(pmulr_rle0 _ half); apply: le_trans le0.
by rewrite ler_addr.
Qed.

(* statement: prp-ridge (2) "its prediction" *)
(* difference: g is the gradient at x, v the value F(x; w0), and J g = k_m(X, x). *)
Theorem prp_ridge_2 (g : 'cV[R]_p) (v : R) :
  v + dot g (w_ridge - w0) = v + dot (J *m g) (invmx M *m r).
Proof. by rewrite addKB dot_adj. Qed.
End Ridge.

(** What the kernel cannot express. *)
Section Limits.
Variable R : realFieldType.
Variables (d n : nat) (k : 'cV[R]_d -> 'cV[R]_d -> R).
Variables (X : 'I_n -> 'cV[R]_d) (c : 'I_n -> R).
Let f x := \sum_i c i * k x (X i).

(* statement: prp-kernel-limits (1) "f(sx) = s f(x), so f(0) = 0" *)
(* difference: that k(sx, z) = s k(x, z) for s >= 0 is the hypothesis (cor-general-norms). *)
Theorem prp_kernel_limits_1 : (forall s x z, 0 <= s -> k (s *: x) z = s * k x z) ->
  (forall s x, 0 <= s -> f (s *: x) = s * f x) /\ f 0 = 0.
Proof.
move=> hom; have fZ s x : 0 <= s -> f (s *: x) = s * f x.
  by move=> s0; rewrite /f mulr_sumr; apply: eq_bigr => i _; rewrite hom // mulrCA.
by split=> //; rewrite -(scale0r 0) fZ // mul0r.
Qed.

(* statement: prp-kernel-limits (2) "the odd part of f is linear" *)
(* difference: that k(x, z) - k(-x, z) = eps^2/2 <x, z> is the hypothesis (prp-series). *)
Theorem prp_kernel_limits_2 eps x :
  (forall x z, k x z - k (- x) z = eps ^+ 2 / 2 * dot x z) ->
  f x - f (- x) = eps ^+ 2 / 2 * dot x (\sum_i c i *: X i).
Proof.
move=> odd; rewrite /f -sumrB.
have -> : dot x (\sum_i c i *: X i) = \sum_i c i * dot x (X i).
  rewrite /dot mulmx_sumr summxE; apply: eq_bigr => i _.
  by rewrite -scalemxAr mxE.
rewrite mulr_sumr; apply: eq_bigr => i _.
by rewrite -mulrBr odd mulrCA.
Qed.
End Limits.

(** Steps of preconditioned conjugate gradients. *)
Section Preconditioner.
Variable R : realFieldType.
Variables (n q : nat) (K : 'M[R]_n) (F : 'M[R]_(n, q)) (lambda rho : R).
Let Rest := K - F *m F^T.
Let A := K + lambda%:M.
Let P := F *m F^T + lambda%:M.

(* statement: prp-preconditioner (1) "the eigenvalues of P^-1 A lie between 1 and 1 + |R|/lambda" *)
(* difference: rho is any number with u^T R u <= rho |u|^2 for all u; an eigenvalue mu of P^-1 A
   with the eigenvector u is A u = mu P u. *)
Theorem prp_preconditioner_1 mu (u : 'cV_n) : 0 < lambda -> psd Rest ->
  (forall u : 'cV_n, dot u (Rest *m u) <= rho * sq u) ->
  u != 0 -> A *m u = mu *: (P *m u) -> 1 <= mu /\ mu <= 1 + rho / lambda.
Proof.
move=> l0 pos le_rho u0 eigen.
have u2 : 0 < sq u by rewrite sq_gt0.
have AE : dot u (A *m u) = dot u (Rest *m u) + dot u (P *m u).
  by rewrite -dotDr -mulmxDl /Rest /P addrA subrK.
have PE : lambda * sq u <= dot u (P *m u).
  rewrite mulmxDl dotDr mul_scalar_mx dotZr -/(sq u) ler_addr.
  exact: gram_psd.
have Ppos : 0 < dot u (P *m u) by apply: lt_le_trans PE; rewrite mulr_gt0.
have ratio : (mu - 1) * dot u (P *m u) = dot u (Rest *m u).
  by rewrite mulrBl mul1r -dotZr -eigen AE addrK.
split; first by rewrite -subr_ge0 -(pmulr_lge0 _ Ppos) ratio pos.
rewrite addrC -ler_subl_addr -(ler_pmul2r Ppos) ratio.
apply: le_trans (le_rho u) _.
have rho0 : 0 <= rho by rewrite -(pmulr_lge0 _ u2); apply: le_trans (le_rho u); exact: pos.
apply: le_trans (_ : rho / lambda * (lambda * sq u) <= _).
  by rewrite mulrA divfK // gt_eqF.
by apply: ler_wpmul2l; rewrite // divr_ge0 // ltW.
Qed.
End Preconditioner.

(** Rounded Gram matrices. *)
Section Rounded.
Variable R : rcfType.
Variables (n : nat) (K K' : 'M[R]_n) (eta : R).
Hypothesis close : forall i j, `|K' i j - K i j| <= eta * Num.sqrt (K i i * K j j).

(** The quadratic forms differ by at most eta tr K for unit vectors. *)
Lemma rounded_form (u : 'cV_n) : psd K -> 0 <= eta -> `|dot u ((K' - K) *m u)| <= eta * \tr K * sq u.
Proof.
move=> pos eta0; have Kii i : 0 <= K i i by rewrite -dot_delta; exact: pos.
pose s : 'cV[R]_n := \col_i Num.sqrt (K i i).
pose v : 'cV[R]_n := \col_i `|u i 0|.
have sE : sq s = \tr K.
  by rewrite /sq dotE; apply: eq_bigr => i _; rewrite mxE -expr2 sqr_sqrtr.
have vE : sq v = sq u.
  by rewrite /sq !dotE; apply: eq_bigr => i _; rewrite mxE -!expr2 real_normK ?num_real.
pose D := K' - K.
have DE : dot u (D *m u) = \sum_i \sum_j u i 0 * u j 0 * D i j.
  rewrite dotE; apply: eq_bigr => i _; rewrite [(D *m u) i 0]mxE mulr_sumr.
  by apply: eq_bigr => j _; rewrite -mulrA; congr (_ * _); exact: mulrC.
have vsE : eta * dot v s ^+ 2 = \sum_i \sum_j `|u i 0 * u j 0| * (eta * (s i 0 * s j 0)).
  rewrite expr2 dotE mulr_suml mulr_sumr; apply: eq_bigr => i _.
  rewrite 2!mulr_sumr; apply: eq_bigr => j _.
  rewrite [v i 0]mxE [v j 0]mxE normrM.
  by move: `|u i 0| `|u j 0| (s i 0) (s j 0) => ui uj si sj; ring.
have le_sum : `|dot u (D *m u)| <= eta * dot v s ^+ 2.
  rewrite DE vsE.
  apply: le_trans (ler_norm_sum _ _ _) _; apply: ler_sum => i _.
  apply: le_trans (ler_norm_sum _ _ _) _; apply: ler_sum => j _.
  rewrite normrM; apply: ler_wpmul2l; first exact: normr_ge0.
  by rewrite !mxE -sqrtrM //; exact: close.
apply: le_trans le_sum _; rewrite -mulrA; apply: ler_wpmul2l => //.
by rewrite -sE -vE mulrC cauchy_schwarz_sq.
Qed.

(* statement: prp-rounded (in part) "K~ + lambda I is positive definite if lambda > eta tr K" *)
Theorem prp_rounded lambda : psd K -> 0 <= eta -> eta * \tr K < lambda -> posdef (K' + lambda%:M).
Proof.
move=> pos eta0 lt_l u u0; have u2 : 0 < sq u by rewrite sq_gt0.
have -> : dot u ((K' + lambda%:M) *m u) =
    dot u (K *m u) + (dot u ((K' - K) *m u) + lambda * sq u).
  by rewrite mulmxBl dotBr mulmxDl dotDr mul_scalar_mx dotZr -/(sq u); ring.
apply: ltr_paddl; first exact: pos.
have /ler_normlP[low _] := rounded_form u pos eta0.
rewrite -ltr_subl_addr sub0r ltr_oppl; apply: le_lt_trans low _.
by rewrite ltr_pmul2r.
Qed.
End Rounded.

(** The fit in the span of centres. *)
Section Centers.
Variable R : realFieldType.
Variables (n q p : nat) (J : 'M[R]_(n, p)) (Z : 'M[R]_(q, p)) (y : 'cV[R]_n) (lambda : R).
(** The functions are vectors f of features, with the values J f at the points and Z f at the
    centres; those in the span of the centres are Z^T c. *)
Let KXZ := J *m Z^T.
Let KZX := Z *m J^T.
Let KZZ := gram Z.
Let L f := sq (J *m f - y) + lambda * sq f.
Definition center_normal (c : 'cV_q) := (KZX *m KXZ + lambda *: KZZ) *m c = KZX *m y.

Lemma centers_around (c h : 'cV_q) : center_normal c ->
  L (Z^T *m (c + h)) = L (Z^T *m c) + (sq (J *m (Z^T *m h)) + lambda * sq (Z^T *m h)).
Proof.
move=> normal; set f := Z^T *m c; set g := Z^T *m h.
have -> : Z^T *m (c + h) = f + g by rewrite mulmxDr.
have JE : J *m (f + g) - y = (J *m f - y) + J *m g by rewrite mulmxDr addrAC.
(* The linear term is the normal equation. *)
have lin0 : dot (J *m f - y) (J *m g) + lambda * dot f g = 0.
  have hE : dot (KZX *m (J *m f - y) + lambda *: (Z *m f)) h = 0.
    have -> : KZX *m (J *m f - y) + lambda *: (Z *m f) = 0; last by rewrite dot0l.
    apply/eqP; rewrite mulmxBr addrAC subr_eq0 -normal mulmxDl -scalemxAl.
    by rewrite /KZZ /gram /KXZ /f !mulmxA.
  rewrite -hE [dot (KZX *m _ + _) h]dotDl [dot (lambda *: _) h]dotZl.
  congr (_ + _ * _).
    by rewrite /KZX /g [RHS]dot_adj trmx_mul trmxK mulmxA.
  by rewrite /g [RHS]dot_adj.
rewrite /L JE !sqD; move: lin0 => /eqP; rewrite addr_eq0 => /eqP ->.
by ring.
Qed.

(* statement: prp-centers (1 in part) "the solutions of the normal equations are the best in the span" *)
(* difference: functions are vectors of finitely many features. *)
Theorem prp_centers_1 c c' : 0 <= lambda -> center_normal c ->
  L (Z^T *m c) <= L (Z^T *m c').
Proof.
move=> l0 normal; have -> : c' = c + (c' - c) by rewrite addrC subrK.
by rewrite centers_around // ler_addl addr_ge0 ?mulr_ge0 ?sq_ge0.
Qed.

(* statement: prp-centers (1 in part) "f_Z does not depend on which solution" *)
(* difference: as above. *)
Theorem prp_centers_1_unique c c' : 0 < lambda -> center_normal c -> center_normal c' ->
  Z^T *m c = Z^T *m c'.
Proof.
move=> l0 normal normal'; apply/eqP; rewrite eq_sym -subr_eq0 -mulmxBr -sq_eq0 eq_le sq_ge0 andbT.
have := prp_centers_1 c (ltW l0) normal'.
have -> : Z^T *m c' = Z^T *m (c + (c' - c)) by rewrite [in RHS]addrC subrK.
rewrite (centers_around _ normal) ger_addl => le0.
rewrite -(pmulr_rle0 _ l0); apply: le_trans le0.
by rewrite ler_addr sq_ge0.
Qed.
End Centers.
