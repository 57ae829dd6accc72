(** Chapter "limit": how far a network is from its linearization. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra averages linearization span least_squares.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Lazy.
Variable R : rcfType.
Variables (sigma dsigma : R -> R) (eps beta : R) (n m d : nat) (a : 'I_m -> R).
Implicit Types (W : 'M[R]_(m, d)) (x : 'cV[R]_d).
Local Notation F := (net sigma eps a).
Local Notation F0 W0 := (net0 sigma dsigma eps a W0).
Hypothesis eps_ge0 : 0 <= eps.
Hypothesis signs : forall j, `|a j| = 1.
Hypothesis taylor : forall z h, `|sigma (z + h) - sigma z - dsigma z * h| <= beta / 2 * h ^+ 2.

(* statement: prp-lazy-smooth "the gap of a smooth network" *)
(* difference: that |sigma''| <= beta enters through Taylor's inequality
   |sigma(z + h) - sigma(z) - sigma'(z) h| <= beta h^2 / 2. *)
Theorem prp_lazy_smooth W W0 x :
  `|F W x - F0 W0 x W| <= eps * beta / (2 * Num.sqrt m%:R) * sq x * sq (vec (W - W0)).
Proof.
have scale0 : 0 <= eps / Num.sqrt m%:R by rewrite divr_ge0 ?sqrtr_ge0.
have beta0 : 0 <= beta / 2.
  by have := le_trans (normr_ge0 _) (taylor 0 1); rewrite expr1n mulr1.
rewrite gapE normrM (ger0_norm scale0).
have -> : eps * beta / (2 * Num.sqrt m%:R) * sq x * sq (vec (W - W0)) =
    eps / Num.sqrt m%:R * (beta / 2 * (sq x * sq (vec (W - W0)))).
  rewrite invfM; move: (2^-1) (Num.sqrt _)^-1 => half s.
  by ring.
apply: ler_wpmul2l => //; apply: le_trans (ler_norm_sum _ _ _) _.
rewrite sq_vec !mulr_sumr; apply: ler_sum => j _.
rewrite normrM signs mul1r (mulB W W0).
apply: le_trans (taylor _ _) _; apply: ler_wpmul2l => //.
by rewrite mul_row [leRHS]mulrC; exact: cauchy_schwarz_sq.
Qed.
End Lazy.

(* statement: prp-lazy-fit (in part) "the weights move by r^T K^-1 r, that is r^T (K / eps^2)^-1 r / eps^2" *)
(* difference: K is the Gram matrix of any J with independent rows. *)
Theorem prp_lazy_fit (R : realFieldType) n p (J : 'M[R]_(n, p)) (r : 'cV[R]_n) (w0 : 'cV[R]_p) eps :
  eps != 0 -> posdef (gram J) ->
  sq (w0 + pinv J *m r - w0) = dot r (invmx (eps ^- 2 *: gram J) *m r) / eps ^+ 2.
Proof.
move=> eps0 pos; have uK := posdef_unit pos.
have e2 : eps ^+ 2 != 0 by rewrite expf_neq0.
have -> : invmx (eps ^- 2 *: gram J) = eps ^+ 2 *: pinv (gram J).
  rewrite -!pinv_unit ?unitmxZ ?unitfE ?invr_eq0 //.
  by rewrite pinvZ ?invr_eq0 // invrK.
rewrite -scalemxAl dotZr mulrAC divff // mul1r.
by rewrite addKB pinv_gram /sq dot_adj mulmxA.
Qed.

(* statement: prp-only-scale (2) "y = 0: another eps leaves the fit and multiplies the gap" *)
(* difference: c is not zero; the sizes of the network's values and gradients are multiplied by c. *)
Theorem prp_only_scale_2 (R : rcfType) (sigma dsigma : R -> R) eps c n m d (a : 'I_m -> R)
    (W0 : 'M[R]_(m, d)) (X : 'M[R]_(n, d)) :
  c != 0 ->
  let fit e := - (pinv (jac dsigma e a W0 X) *m \col_i net sigma e a W0 (row i X)^T) in
  fit (c * eps) = fit eps /\
  forall W x, net sigma (c * eps) a W x - net0 sigma dsigma (c * eps) a W0 x W =
    c * (net sigma eps a W x - net0 sigma dsigma eps a W0 x W).
Proof.
move=> c0 fit.
have netZ W x : net sigma (c * eps) a W x = c * net sigma eps a W x by rewrite /net !mulrA.
have gradZ x : grad dsigma (c * eps) a W0 x = c *: grad dsigma eps a W0 x.
  apply/colP => q; case/mxvec_indexP: q => k l; rewrite /grad /vec.
  rewrite [LHS]mxE mxvecE mxE [RHS]mxE [X in _ = _ * X]mxE mxvecE [in RHS]mxE.
  by rewrite !mulrA.
split; last first.
  by move=> W x; rewrite /net0 gradZ dotZl !netZ -mulrDr -mulrBr.
rewrite /fit; congr (- _).
have -> : jac dsigma (c * eps) a W0 X = c *: jac dsigma eps a W0 X.
  by apply/matrixP => i j; rewrite mxE gradZ !mxE.
have -> : \col_i net sigma (c * eps) a W0 (row i X)^T = c *: \col_i net sigma eps a W0 (row i X)^T.
  by apply/colP => i; rewrite !mxE netZ.
by rewrite pinvZ // -scalemxAl -scalemxAr scalerA mulVf // scale1r.
Qed.

(** Flipped gates. *)
Section Flips.
Variable R : rcfType.
Variables (eps : R) (m d : nat) (a : 'I_m -> R).
Implicit Types (W : 'M[R]_(m, d)) (x : 'cV[R]_d).
Local Notation F := (net (@relu R) eps a).
Local Notation F0 W0 := (net0 (@relu R) (@drelu R) eps a W0).
Definition flip_of W W0 x j : R := drelu ((W *m x) j 0) - drelu ((W0 *m x) j 0).

(* statement: prp-relu-flips (1) "only neurons whose gate flips contribute" *)
Theorem prp_relu_flips_1 W W0 x : F W x - F0 W0 x W =
  eps / Num.sqrt m%:R * \sum_j a j * (W *m x) j 0 * flip_of W W0 x j.
Proof.
rewrite prp_homogeneity_linear prp_homogeneity_relu !dot_grad -mulrBr -sumrB.
congr (_ * _); apply: eq_bigr => j _.
by rewrite /flip_of; ring.
Qed.

(* statement: prp-relu-flips (1) "neuron j contributes at most |(w_j - w_{0,j})^T x|" *)
(* difference: without the factor eps / sqrt m. *)
Theorem prp_relu_flips_1_bound W W0 x j :
  `|a j| = 1 -> `|a j * (W *m x) j 0 * flip_of W W0 x j| <= `|((W - W0) *m x) j 0|.
Proof.
move=> aj; rewrite !normrM aj mul1r /flip_of /drelu.
have -> : ((W - W0) *m x) j 0 = (W *m x) j 0 - (W0 *m x) j 0.
  by rewrite mulmxBl !mxE.
set z := (W *m x) j 0; set z0 := (W0 *m x) j 0.
case: (lerP 0 z) => [z1|z1]; case: (lerP 0 z0) => [z2|z2].
- by rewrite subrr normr0 mulr0.
- rewrite subr0 normr1 mulr1 (ger0_norm z1) ger0_norm; last by rewrite subr_ge0 ltW // (lt_le_trans z2).
  by rewrite ler_addl oppr_ge0 ltW.
- rewrite sub0r normrN normr1 mulr1 (ltr0_norm z1) ler0_norm; last by rewrite subr_le0 ltW // (lt_le_trans z1).
  by rewrite opprB ler_addr.
- by rewrite subrr normr0 mulr0.
Qed.
End Flips.

(** The predictor of random signs. *)
(* statement: cor-predictor-limit (2) "plain, at every width: the mean over the signs" *)
(* difference: b is K^+ k(X, x), phi the vector eps/sqrt(m) sigma(W x), H that of the data as rows;
   the mean over the signs is the average over all sign vectors. *)
Theorem cor_predictor_limit_2 (R : realFieldType) n m (phi : 'cV[R]_m) (H : 'M[R]_(n, m)) (b y : 'cV[R]_n) :
  let f s := dot phi (sgn R s) + dot b (y - H *m sgn R s) in
  (forall s, f s = dot b y + dot (phi - H^T *m b) (sgn R s)) /\ avg f = dot b y.
Proof.
move=> f.
have fE s : f s = dot b y + dot (phi - H^T *m b) (sgn R s).
  by rewrite /f dotBr dotBl [dot (H^T *m b) _]dot_adj trmxK; ring.
split=> //.
by rewrite (eq_avg fE) avgD avg_cst avg_dot addr0.
Qed.

(* statement: cor-predictor-limit (2) "the covariance over the signs" *)
(* difference: as above, with the vectors of coefficients c and c'. *)
Theorem cor_predictor_limit_2_covariance (R : realFieldType) m (c c' : 'cV[R]_m) :
  avg (fun s => dot c (sgn R s) * dot c' (sgn R s)) = dot c c'.
Proof.
rewrite (eq_avg (g := fun s => dot (sgn R s) (c *m c'^T *m sgn R s))) => [|s].
  by rewrite avg_quad mxtrace_mulC /mxtrace big_ord1 dotC.
by rewrite -mulmxA [c'^T *m _]mx11_scalar mul_mx_scalar dotZr mulrC [dot c _]dotC.
Qed.
