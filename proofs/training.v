(** Chapter "training": descent step by step, and the outer layer. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra averages linearization span.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Descent.
Variable R : realFieldType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 y : 'cV[R]_n) (w0 : 'cV[R]_p) (eta : R).
Variable w : nat -> 'cV[R]_p.
Local Notation F0 := (lin J f0 w0).
Local Notation K := (gram J).
Let r := y - f0.
Hypothesis start : w 0%N = w0.
Hypothesis step : forall t, w t.+1 = w t - eta *: (J^T *m (F0 (w t) - y)).

(** The factor of t steps, (I - eta K)^t. *)
Definition factor t : 'M[R]_n := iter t (mulmx (1%:M - eta *: K)) 1%:M.
(** The dual coefficients: alpha_(t+1) = alpha_t + eta (I - eta K)^t r. *)
Definition dual t : 'cV[R]_n := eta *: \sum_(s < t) factor s *m r.

(* statement: prp-descent (1) "the residual after t steps is (I - eta K)^t r" *)
Theorem prp_descent_1 t : y - F0 (w t) = factor t *m r.
Proof.
elim: t => [|t IH]; first by rewrite start /lin subrr mulmx0 addr0 mul1mx.
by rewrite step descent_residual IH /= mulmxA.
Qed.

(* statement: prp-descent (1) "the weights are w0 + J^T alpha_t" *)
(* difference: alpha_t is eta times the sum of the (I - eta K)^s r over s < t; the next statement
   says that K alpha_t = (I - (I - eta K)^t) r. *)
Theorem prp_descent_1_weights t : w t = w0 + J^T *m dual t.
Proof.
elim: t => [|t IH]; first by rewrite start /dual big_ord0 scaler0 mulmx0 addr0.
have dualS : dual t.+1 = dual t + eta *: (factor t *m r).
  by rewrite /dual big_ord_recr scalerDr.
rewrite step dualS [J^T *m (dual t + _)]mulmxDr addrA -IH.
rewrite -[F0 (w t) - y]opprB prp_descent_1.
by rewrite mulmxN scalerN opprK -scalemxAr.
Qed.

(* statement: prp-descent (1) "K alpha_t = (I - (I - eta K)^t) r" *)
Theorem prp_descent_1_dual t : K *m dual t = (1%:M - factor t) *m r.
Proof.
have F0E : F0 (w t) = f0 + K *m dual t by rewrite prp_descent_1_weights /lin addKB mulmxA.
have := prp_descent_1 t; rewrite F0E opprD addrA -/r => E.
by rewrite mulmxBl mul1mx -E opprB addrC subrK.
Qed.

(* statement: prp-descent (1) "at every input" *)
(* difference: g is the gradient at x, v the value F(x; w0), and J g = k_m(X, x). *)
Theorem prp_descent_1_input t (g : 'cV[R]_p) (v : R) :
  v + dot g (w t - w0) = v + dot (J *m g) (dual t).
Proof. by rewrite prp_descent_1_weights addKB [in RHS]dot_adj. Qed.
End Descent.

Section Step.
Variable R : realFieldType.
Variables lmin lmax : R.
Hypothesis lmin_gt0 : 0 < lmin.
Hypothesis lmin_le : lmin <= lmax.
Let c := lmax / lmin.
Let best := 2 / (lmin + lmax).

Lemma sum_gt0 : 0 < lmin + lmax.
Proof. by rewrite addr_gt0 // (lt_le_trans lmin_gt0). Qed.

Lemma best_factor : (c - 1) / (c + 1) = (lmax - lmin) / (lmin + lmax).
Proof.
have s0 : lmin + lmax != 0 by rewrite gt_eqF // sum_gt0.
have l0 : lmin != 0 by rewrite gt_eqF.
rewrite /c; field.
by rewrite s0 l0.
Qed.

(* statement: prp-descent (3) "for eta = 2 / (lmin + lmax) every factor is at most (c - 1)/(c + 1)" *)
Theorem prp_descent_3 l : lmin <= l -> l <= lmax -> `|1 - best * l| <= (c - 1) / (c + 1).
Proof.
move=> l1 l2; have s0 := sum_gt0.
have -> : 1 - best * l = (lmin + lmax - 2 * l) / (lmin + lmax).
  by rewrite /best; field; rewrite gt_eqF.
rewrite best_factor normrM (ger0_norm (x := _^-1)) ?invr_ge0 ?(ltW s0) //.
rewrite ler_wpmul2r ?invr_ge0 ?(ltW s0) // ler_norml; apply/andP; split.
  have -> : - (lmax - lmin) = lmin + lmax - 2 * lmax by ring.
  by rewrite ler_add2l ler_opp2 ler_wpmul2l ?ler0n.
have -> : lmax - lmin = lmin + lmax - 2 * lmin by ring.
by rewrite ler_add2l ler_opp2 ler_wpmul2l ?ler0n.
Qed.

(* statement: prp-descent (3) "no step size does better" *)
Theorem prp_descent_3_best eta q :
  `|1 - eta * lmin| <= q -> `|1 - eta * lmax| <= q -> (c - 1) / (c + 1) <= q.
Proof.
move=> /ler_normlP[_ q1] /ler_normlP[q2 _]; have s0 := sum_gt0.
rewrite best_factor ler_pdivr_mulr //.
(* lmax (1 - eta lmin) - lmin (1 - eta lmax) = lmax - lmin *)
have -> : lmax - lmin = lmax * (1 - eta * lmin) + lmin * - (1 - eta * lmax) by ring.
rewrite [leRHS]mulrDr [leRHS]addrC; apply: ler_add; rewrite [leRHS]mulrC.
  by rewrite ler_wpmul2l // ltW // (lt_le_trans lmin_gt0).
by rewrite ler_wpmul2l // ltW.
Qed.
End Step.

(** The outer layer: the network as a function of a, with the features phi_j = sigma(w_j^T x). *)
Section Outer.
Variable R : rcfType.
Variables (m : nat) (scale : R).
Implicit Types a phi : 'cV[R]_m.
Definition outer a phi : R := dot a (scale *: phi).

(* statement: prp-outer-layer (1 in part) "as a function of a the network is its own linearization" *)
Theorem prp_outer_layer_1 a0 a phi : outer a phi = outer a0 phi + dot (scale *: phi) (a - a0).
Proof. by rewrite /outer dotBr !(dotC (scale *: phi)) addrC subrK. Qed.

(* statement: prp-outer-layer (1 in part) "the kernel of its gradients is Sigma_m" *)
Theorem prp_outer_layer_1_kernel phi phi' :
  dot (scale *: phi) (scale *: phi') = scale ^+ 2 * \sum_j phi j 0 * phi' j 0.
Proof. by rewrite dotZl dotZr mulrA -expr2 dotE. Qed.

(* statement: prp-outer-layer (2 in part) "with both layers the kernels add" *)
Theorem prp_outer_layer_2 p phi phi' (g g' : 'cV[R]_p) :
  dot (col_mx (scale *: phi) g) (col_mx (scale *: phi') g') =
  dot (scale *: phi) (scale *: phi') + dot g g'.
Proof. by rewrite /dot tr_col_mx mul_row_col mxE. Qed.
End Outer.

(* statement: thm-ensemble (2) "the covariance is that of the posterior plus a positive part" *)
(* difference: S is Sigma(X, X), sx and sx' are Sigma(X, x) and Sigma(X, x'), b and b' any vectors
   in the place of b_t(x) and b_t(x'). *)
Theorem thm_ensemble_2 (R : realFieldType) n (S : 'M[R]_n) (sx sx' b b' : 'cV[R]_n) sxx :
  S^T = S -> S \in unitmx ->
  let best s := invmx S *m s in
  let V := sxx - dot b sx' - dot sx b' + dot b (S *m b') in
  let posterior := sxx - dot (best sx) sx' in
  V = posterior + dot (b - best sx) (S *m (b' - best sx')).
Proof.
move=> ST uS best V posterior.
have Sb s : S *m best s = s by rewrite mulKVmx.
rewrite mulmxBr Sb dotBl !dotBr.
have -> : dot (best sx) (S *m b') = dot sx b' by rewrite -(dot_sym _ _ ST) Sb.
by rewrite /V /posterior; ring.
Qed.

(* statement: thm-ensemble (2) "the variance is never below the posterior's, and equal only for b = b_*" *)
(* difference: as above, at x' = x. *)
Theorem thm_ensemble_2_variance (R : realFieldType) n (S : 'M[R]_n) (sx b : 'cV[R]_n) sxx :
  S^T = S -> posdef S ->
  let best := invmx S *m sx in
  let V := sxx - dot b sx - dot sx b + dot b (S *m b) in
  let posterior := sxx - dot best sx in
  posterior <= V /\ (V = posterior <-> b = best).
Proof.
move=> ST pos best V posterior.
have -> : V = posterior + dot (b - best) (S *m (b - best)).
  exact: thm_ensemble_2 ST (posdef_unit pos).
have [e|neq] := eqVneq (b - best) 0.
  rewrite e mulmx0 dot0r addr0; split=> //; split=> // _.
  exact/subr0_eq.
have gt0 := pos _ neq; split; first by rewrite ler_addl ltW.
split=> [/eqP|e]; last by rewrite e subrr eqxx in neq.
by rewrite -subr_eq0 addrC addKr gt_eqF.
Qed.

(** How fast the Jacobian changes. *)
Section Lipschitz.
Variable R : rcfType.
Variables (dsigma : R -> R) (eps beta s : R) (n m d : nat).
Variables (a : 'I_m -> R) (X : 'M[R]_(n, d)).
Hypothesis eps_ge0 : 0 <= eps.
Hypothesis beta_ge0 : 0 <= beta.
Hypothesis signs : forall j, `|a j| = 1.
Hypothesis lipschitz : forall z z', `|dsigma z - dsigma z'| <= beta * `|z - z'|.
Hypothesis unit : forall i, sq (row i X)^T <= 1.
Hypothesis largest : forall u : 'cV[R]_n, sq (X^T *m u) <= s * sq u.
Local Notation J W := (jac dsigma eps a W X).
Local Notation scale := (eps / Num.sqrt m%:R).
Variables W W' : 'M[R]_(m, d).
(** The differences sigma'(w_j^T x_i) - sigma'(w'_j^T x_i). *)
Definition change j i : R := dsigma ((W *m (row i X)^T) j 0) - dsigma ((W' *m (row i X)^T) j 0).

(** Block j of the transposed difference is X^T D_j, up to the factor. *)
Lemma change_block (u : 'cV[R]_n) : (J W - J W')^T *m u =
  vec (\matrix_(j, k) (scale * a j * (X^T *m \col_i (change j i * u i 0)) k 0)).
Proof.
apply/colP => q; case/mxvec_indexP: q => j k.
rewrite [LHS]mxE /vec [RHS]mxE mxvecE [RHS]mxE [X in _ = _ * X]mxE mulr_sumr.
apply: eq_bigr => i _.
have entry V : J V i (mxvec_index j k) = scale * (a j * dsigma ((V *m (row i X)^T) j 0) * X i k).
  rewrite mxE mxE /grad /vec mxE mxvecE mxE.
  by rewrite [x in _ * (_ * x)]mxE [x in _ * (_ * x)]mxE.
have -> : (J W - J W')^T (mxvec_index j k) i = J W i (mxvec_index j k) - J W' i (mxvec_index j k).
  by rewrite mxE [LHS]mxE [x in _ + x]mxE.
rewrite !entry [X^T _ _]mxE [(\col__ _) _ _]mxE /change.
rewrite -mulrBr -mulrBl -mulrBr -!mulrA; congr (_ * (_ * _)).
by rewrite [X i k * (_ * _)]mulrCA.
Qed.

Lemma change_le j i : change j i ^+ 2 <= beta ^+ 2 * sq (row j (W - W'))^T.
Proof.
(* sigma' is Lipschitz, and then Cauchy and Schwarz, with |x_i| <= 1. *)
rewrite -real_normK ?num_real //.
apply: le_trans (_ : (beta * `|((W - W') *m (row i X)^T) j 0|) ^+ 2 <= _).
  rewrite ler_expn2r ?nnegrE ?mulr_ge0 //; apply: le_trans (lipschitz _ _) _.
  by rewrite mulmxBl [X in _ <= _ * `|X|]mxE [X in _ <= _ * `|_ + X|]mxE.
rewrite exprMn real_normK ?num_real //; apply: ler_wpmul2l; first exact: sqr_ge0.
rewrite mul_row; apply: le_trans (cauchy_schwarz_sq _ _) _.
by rewrite -[leRHS]mulr1 ler_wpmul2l ?sq_ge0.
Qed.

(* statement: lem-jacobian "the Jacobian is Lipschitz" *)
(* difference: the operator norm is written out, with any u, for the transpose, which has the same
   norm; that s is |X|^2 enters as |X^T u|^2 <= s |u|^2 for all u. *)
Theorem lem_jacobian (u : 'cV[R]_n) :
  norm ((J W - J W')^T *m u) <= eps * beta * Num.sqrt (s / m%:R) * norm (vec W - vec W') * norm u.
Proof.
have [s0|s0] := leP 0 s; last first.
  (* A negative s forces u = 0. *)
  have u0 : u = 0.
    apply/eqP; rewrite -sq_eq0 eq_le sq_ge0 andbT -(nmulr_rge0 _ s0).
    exact: le_trans (sq_ge0 _) (largest u).
  have n0 k : norm (0 : 'cV[R]_k) = 0 by apply/eqP; rewrite norm_eq0.
  by rewrite u0 mulmx0 !n0 mulr0.
have right0 : 0 <= eps * beta * Num.sqrt (s / m%:R) * norm (vec W - vec W') * norm u.
  by rewrite !mulr_ge0 ?sqrtr_ge0 ?norm_ge0.
rewrite -ler_sqr ?nnegrE ?norm_ge0 // norm_sq !exprMn !norm_sq sqr_sqrtr ?divr_ge0 ?ler0n //.
(* The squared length is a sum over the neurons. *)
have -> : sq ((J W - J W')^T *m u) =
    scale ^+ 2 * \sum_j sq (X^T *m \col_i (change j i * u i 0)).
  rewrite change_block sq_vec mulr_sumr; apply: eq_bigr => j _.
  rewrite (_ : (row j _)^T = (scale * a j) *: (X^T *m \col_i (change j i * u i 0))).
    rewrite /sq dotZl dotZr mulrA -expr2 exprMn -[a j ^+ 2]real_normK ?num_real //.
    by rewrite signs expr1n mulr1.
  by apply/colP => k; rewrite !mxE.
(* Each is at most s times the sum of u_i^2 D_ii^2. *)
apply: le_trans (_ : scale ^+ 2 * (s * (beta ^+ 2 * sq (vec W - vec W') * sq u)) <= _); last first.
  rewrite expr_div_n sqr_sqrtr ?ler0n // le_eqVlt; apply/orP; left; apply/eqP.
  move: (sq u) (sq (vec _ - _)) (m%:R^-1) => q v c; by ring.
apply: ler_wpmul2l; first exact: sqr_ge0.
apply: le_trans (_ : \sum_j (s * (\sum_i (change j i * u i 0) ^+ 2)) <= _).
  apply: ler_sum => j _; apply: le_trans (largest _) _; apply: ler_wpmul2l => //.
  by rewrite /sq dotE le_eqVlt; apply/orP; left; apply/eqP; apply: eq_bigr => i _; rewrite mxE expr2.
rewrite -mulr_sumr; apply: ler_wpmul2l => //.
rewrite exchange_big /= [X in _ <= _ * X]/sq dotE mulr_sumr; apply: ler_sum => i _.
rewrite (eq_bigr (fun j => change j i ^+ 2 * u i 0 ^+ 2)) => [|j _]; last by rewrite exprMn.
rewrite -mulr_suml -expr2; apply: ler_wpmul2r; first exact: sqr_ge0.
rewrite vecB sq_vec mulr_sumr; apply: ler_sum => j _.
exact: change_le.
Qed.
End Lipschitz.
