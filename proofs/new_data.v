(** Chapter "new_data": leaving one out, and the price of labels. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra averages.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Loo.
Variable F : fieldType.
Variable n : nat.
Variables (M : 'M[F]_n.+1) (y : 'cV[F]_n.+1) (i : 'I_n.+1).

(** The matrix, the row of point i and the labels without point i. *)
Let M' : 'M_n := row' i (col' i M).
Let k' : 'rV_n := row i (col' i M).
Let y' : 'cV_n := row' i y.

Lemma mulmx_drop (u : 'cV[F]_n.+1) : u i 0 = 0 -> M *m u = col' i M *m row' i u.
Proof.
move=> ui; apply/colP => j; rewrite !mxE (bigD1_ord i) //= ui mulr0 add0r.
by apply: eq_bigr => k _; rewrite !mxE.
Qed.

(** For any invertible M; the theorem below takes K + nu I. *)
Lemma loo : M \in unitmx -> M' \in unitmx -> invmx M i i != 0 ->
  y i 0 - (k' *m (invmx M' *m y')) 0 0 = (invmx M *m y) i 0 / invmx M i i.
Proof.
move=> uM uM' Bii; set a := invmx M *m y; set b := col i (invmx M).
have Ma : M *m a = y by rewrite mulKVmx.
have Mb : M *m b = delta_mx i 0 by rewrite /b colE mulKVmx.
have <- : b i 0 = invmx M i i by rewrite mxE.
have bi : b i 0 != 0 by rewrite mxE.
clearbody a b; pose c := a i 0 / b i 0.
(* u is the vector a without its part along b; it vanishes at i *)
pose u := a - c *: b.
have ui : u i 0 = 0 by rewrite !mxE divfK // subrr.
have Mu : M *m u = y - c *: delta_mx i 0 by rewrite mulmxBr -scalemxAr Ma Mb.
rewrite mulmx_drop // in Mu.
have yE : y' = M' *m row' i u.
  apply/colP => j; have /colP/(_ (lift i j)) := Mu; rewrite !mxE eq_sym.
  rewrite (negPf (neq_lift _ _)) mulr0 subr0 => <-.
  by apply: eq_bigr => k _; rewrite !mxE.
rewrite yE mulKmx //; have /colP/(_ i) := Mu; rewrite !mxE !eqxx mulr1 => Mui.
have -> : \sum_j k' 0 j * (row' i u) j 0 = y i 0 - c.
  by rewrite -Mui; apply: eq_bigr => k _; rewrite !mxE.
by rewrite opprB addrC subrK.
Qed.
End Loo.


Section LeaveOneOut.
Variable R : realFieldType.

(** Restricted to all points but one, a matrix stays positive definite. *)
Lemma posdef_drop n (M : 'M[R]_n.+1) i : posdef M -> posdef (row' i (col' i M)).
Proof.
move=> pos u u0.
pose v : 'cV[R]_n.+1 := \col_j (if unlift i j is Some k then u k 0 else 0).
have vi : v i 0 = 0 by rewrite mxE unlift_none.
have vl : row' i v = u by apply/colP => k; rewrite !mxE liftK.
have v0 : v != 0 by apply: contraNneq u0 => v0; rewrite -vl v0; apply/eqP/colP => k; rewrite !mxE.
have := pos _ v0; rewrite (mulmx_drop _ vi) vl dotE (bigD1_ord i) //= vi mul0r add0r.
rewrite dotE; congr (0 < _); apply: eq_bigr => k _; rewrite -vl !mxE; congr (_ * _).
by apply: eq_bigr => l _; rewrite !mxE.
Qed.


(* statement: prp-loo (1 in part) "y_i - f_{-i}(x_i) = alpha_i / G_ii" *)
(* difference: M = K + nu I with nu > 0, or nu = 0 and K positive definite: here, K + nu I positive
   definite and nu >= 0. f_{-i} has the coefficients (K_{-i} + nu I)^-1 y_{-i}. *)
Theorem prp_loo_1 n (K : 'M[R]_n.+1) nu (y : 'cV[R]_n.+1) i :
  let M := K + nu%:M in posdef M ->
  y i 0 - (row i (col' i K) *m (invmx (row' i (col' i M)) *m row' i y)) 0 0
  = (invmx M *m y) i 0 / invmx M i i.
Proof.
move=> M pos; rewrite -loo ?posdef_unit //; last first.
- by rewrite gt_eqF // posdef_diag //; exact: posdef_inv.
- exact: posdef_drop.
(* Outside the diagonal the ridge does not show. *)
congr (_ - (_ *m _) _ _); apply/rowP => k; rewrite !mxE.
by rewrite (negPf (neq_lift _ _)) addr0.
Qed.

(* statement: prp-loo (1 in part) "for nu > 0 it is (y_i - f(x_i)) / (nu G_ii)" *)
Theorem prp_loo_1_ridge n (K : 'M[R]_n) nu (y : 'cV[R]_n) i :
  let M := K + nu%:M in M \in unitmx -> nu != 0 ->
  (y i 0 - (K *m (invmx M *m y)) i 0) / (nu * invmx M i i) = (invmx M *m y) i 0 / invmx M i i.
Proof.
move=> M uM nu0.
have yE : y = K *m (invmx M *m y) + nu *: (invmx M *m y).
  by rewrite -mul_scalar_mx -mulmxDl mulKVmx.
have -> : y i 0 - (K *m (invmx M *m y)) i 0 = nu * (invmx M *m y) i 0.
  have /colP/(_ i) := yE; rewrite [X in _ = X -> _]mxE [X in _ = _ + X -> _]mxE => {1}->.
  by rewrite addrC addKr.
by rewrite -mulf_div divff // mul1r.
Qed.

(* statement: prp-loo (1 in part) "nu G_ii = 1 - (K (K + nu I)^-1)_ii" *)
Theorem prp_loo_1_share n (K : 'M[R]_n) nu i :
  let M := K + nu%:M in M \in unitmx -> nu * invmx M i i = 1 - (K *m invmx M) i i.
Proof.
move=> M uM.
have E : (K *m invmx M) i i + (nu *: invmx M) i i = 1.
  transitivity ((M *m invmx M) i i); last by rewrite mulmxV // mxE eqxx.
  by rewrite {3}/M mulmxDl mul_scalar_mx [RHS]mxE.
by rewrite -E [(nu *: invmx M) i i]mxE addrC addKr.
Qed.
End LeaveOneOut.

(** The price of random labels. *)
Section RandomSigns.
Variable R : realFieldType.

(* statement: prp-random-signs (1 in part) "the mean of s^T A s is tr A" *)
(* difference: the mean over uniform signs is the average over all sign vectors. *)
Theorem prp_random_signs_1 n (A : 'M[R]_n) : avg (fun s => dot (sgn R s) (A *m sgn R s)) = \tr A.
Proof. exact: avg_quad. Qed.

(* statement: prp-random-signs (3 in part) "tr A is at least n^2 / tr K" *)
(* difference: shown without eigenvalues, for the same K. *)
Theorem prp_random_signs_3 n (K : 'M[R]_n) :
  (0 < n)%N -> K^T = K -> posdef K -> n%:R ^+ 2 / \tr K <= \tr (invmx K).
Proof.
move=> n0 KT pos; have uK := posdef_unit pos.
have trK : 0 < \tr K.
  by rewrite /mxtrace (bigD1 (Ordinal n0)) //= ltr_paddr ?posdef_diag // sumr_ge0 // => i _; rewrite ltW ?posdef_diag.
(* With b = K^-1 e_i the form of K at b - t e_i is A_ii - 2 t + t^2 K_ii. *)
have low t i : t * 2 - t ^+ 2 * K i i <= invmx K i i.
  pose e : 'cV[R]_n := delta_mx i 0; pose b := invmx K *m e.
  have Kb : K *m b = e by rewrite mulKVmx.
  have ee : dot e e = 1 by rewrite -[X in dot _ X]mul1mx dot_delta mxE eqxx.
  have be : dot b e = invmx K i i by rewrite dotC dot_delta.
  have bKe : dot b (K *m e) = 1 by rewrite -(dot_sym _ _ KT) Kb.
  have eKe : dot e (K *m e) = K i i by rewrite dot_delta.
  have : 0 <= dot (b - t *: e) (K *m (b - t *: e)).
    by have [->|/pos/ltW //] := eqVneq (b - t *: e) 0; rewrite mulmx0 dot0r.
  rewrite mulmxBr Kb -scalemxAr dotBl !dotBr !dotZl !dotZr be bKe ee eKe.
  have -> : invmx K i i - t * 1 - (t * 1 - t * (t * K i i)) = invmx K i i - (t * 2 - t ^+ 2 * K i i).
    by ring.
  by rewrite subr_ge0.
(* The sum over i, at t = n / tr K. *)
have : \sum_i (n%:R / \tr K * 2 - (n%:R / \tr K) ^+ 2 * K i i) <= \tr (invmx K).
  by apply: ler_sum => i _; exact: low.
rewrite sumrB sumr_const card_ord -mulr_sumr -/(\tr K) -mulr_natl.
have -> : n%:R * (n%:R / \tr K * 2) - (n%:R / \tr K) ^+ 2 * \tr K = n%:R ^+ 2 / \tr K.
  by field; rewrite gt_eqF.
by [].
Qed.
End RandomSigns.

(** Rademacher complexity of a ball. *)
Section Rademacher.
Variable R : rcfType.
Variables (n p : nat) (J : 'M[R]_(n, p)) (s : 'cV[R]_n) (B : R).

(* statement: prp-rademacher (1) "the largest correlation of a ball with signs" *)
(* difference: n times the supremum, which is attained; the features of the points are the rows of
   J, so that sum_i s_i f(x_i) = <s, J v>; any vector s. *)
Theorem prp_rademacher_1 : 0 <= B ->
  (forall v, norm v <= B -> dot s (J *m v) <= B * Num.sqrt (dot s (gram J *m s))) /\
  (exists2 v, norm v <= B & dot s (J *m v) = B * Num.sqrt (dot s (gram J *m s))).
Proof.
move=> B0; rewrite dot_gram -/(norm (J^T *m s)); set u := J^T *m s.
have su v : dot s (J *m v) = dot u v by rewrite /u dot_adj trmxK.
split=> [v le_v | ].
  rewrite su; apply: le_trans (ler_norm _) _.
  apply: le_trans (cauchy_schwarz u v) _.
  by rewrite mulrC ler_wpmul2r ?norm_ge0.
have [u0|u0] := eqVneq u 0.
  exists 0; last by rewrite su u0 dot0l (_ : norm 0 = 0) ?mulr0 //; apply/eqP; rewrite norm_eq0.
  by rewrite (_ : norm 0 = 0) //; apply/eqP; rewrite norm_eq0.
(* The supremum is attained in the direction u. *)
have h0 : norm u != 0 by rewrite norm_eq0.
exists ((B / norm u) *: u).
  rewrite {1}/norm /sq dotZl dotZr mulrA -expr2 -/(sq u) sqrtrM ?sqr_ge0 // sqrtr_sqr.
  by rewrite -/(norm u) ger0_norm ?divr_ge0 ?norm_ge0 // divfK.
by rewrite su dotZr -/(sq u) -norm_sq expr2 mulrA divfK.
Qed.
End Rademacher.
