(** Chapter "least_squares": the fit nearest to the start. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra spectral_theorem averages span.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.
(* statement: thm-minimum-norm (1) "J^T (J J^T)^+ = J^+" *)
Theorem thm_minimum_norm_1 (R : realFieldType) n p (J : 'M[R]_(n, p)) :
  J^T *m pinv (J *m J^T) = pinv J.
Proof. exact: mulT_pinv_gram. Qed.

(* statement: thm-minimum-norm (1) "(J^T J)^+ J^T = J^+" *)
Theorem thm_minimum_norm_1_left (R : realFieldType) n p (J : 'M[R]_(n, p)) :
  pinv (J^T *m J) *m J^T = pinv J.
Proof.
(* The other equation, for the transpose. *)
have := thm_minimum_norm_1 J^T; rewrite trmxK pinvT => H.
by rewrite -[RHS]trmxK -H trmx_mul -pinvT trmx_mul !trmxK.
Qed.

Section LeastSquares.
Variable R : realFieldType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 y : 'cV[R]_n) (w0 : 'cV[R]_p).
Implicit Types w z : 'cV[R]_p.
Local Notation F0 := (lin J f0 w0).
Local Notation S := (inrange J^T).
Local Notation Pi := (J *m pinv J).
Let r := y - f0.
Let L w := 2^-1 * sq (F0 w - y).
Definition normal_eq w := J^T *m J *m (w - w0) = J^T *m r.
Let wh := w0 + pinv J *m r.

(* statement: prp-normal-equations (2) "the normal equations have a solution" *)
Theorem prp_normal_equations_2 : normal_eq wh.
Proof.
by rewrite /normal_eq /wh addKB -mulmxA (mulmxA J) (mulmxA J^T) coprojTK.
Qed.
Lemma lossE w : L w = 2^-1 * sq (J *m (w - w0) - r).
Proof. by rewrite /L /r opprB addrA [_ + f0]addrC. Qed.

(* statement: prp-normal-equations (3) "the loss around a minimizer" *)
Theorem prp_normal_equations_3 ws w : normal_eq ws -> L w = L ws + 2^-1 * sq (J *m (w - ws)).
Proof.
rewrite !lossE -mulrDr => ne; congr (_ * _).
have -> : J *m (w - w0) - r = (J *m (ws - w0) - r) + J *m (w - ws).
  by rewrite addrAC -mulmxDr [ws - w0 + _]addrC subrKA.
by apply: pythagoras; rewrite dotC dot_adj mulmxBr mulmxA ne subrr dot0r.
Qed.

(* statement: prp-normal-equations (1) "minimizers are the solutions of the normal equations" *)
Theorem prp_normal_equations_1 w : minimizer L w <-> normal_eq w.
Proof.
split=> [wmin | ne w'].
  2: { (* a solution is a minimizer, by part 3 *)
    rewrite (prp_normal_equations_3 w' ne) ler_addl.
    by rewrite mulr_ge0 ?sq_ge0 ?invr_ge0 ?ler0n. }
(* A minimizer is not worse than the solution w-hat; so J (w - w-hat) = 0, by part 3. *)
have := wmin wh; rewrite (prp_normal_equations_3 w prp_normal_equations_2) ger_addl pmulr_rle0 ?invr_gt0 ?ltr0n //.
move=> sq_le0; have : sq (J *m (w - wh)) == 0 by rewrite eq_le sq_le0 sq_ge0.
rewrite sq_eq0 => /eqP Jw; rewrite /normal_eq -prp_normal_equations_2.
by apply/subr0_eq; rewrite -mulmxBr subBB -mulmxA Jw mulmx0.
Qed.

(* statement: prp-normal-equations (4) "the minimizers are w_* + ker J" *)
Theorem prp_normal_equations_4 ws w : normal_eq ws -> normal_eq w <-> exists2 z, J *m z = 0 & w = ws + z.
Proof.
move=> nes; split=> [ne | [z Jz ->]]; last first.
  by rewrite /normal_eq addrAC mulmxDr nes -mulmxA Jz mulmx0 addr0.
exists (w - ws); last by rewrite addrC subrK.
apply/eqP; rewrite -sq_eq0 /sq dot_adj mulmxA -(subBB w0) [J^T *m J *m _]mulmxBr.
by rewrite ne nes subrr dot0r.
Qed.
Lemma normal_seen w : normal_eq w -> J *m (w - w0) = Pi *m r.
Proof.
move/(prp_normal_equations_4 _ prp_normal_equations_2) => [z Jz ->].
by rewrite addrAC mulmxDr Jz addr0 addKB mulmxA.
Qed.

(* statement: prp-normal-equations (4) "all take the values F(X; w0) + Pi r" *)
Theorem prp_normal_equations_4_values w : normal_eq w -> F0 w = f0 + Pi *m r.
Proof. by move/normal_seen => Jw; rewrite /lin Jw. Qed.

(* statement: prp-normal-equations (3) "the smallest loss" *)
Theorem prp_normal_equations_3_loss w : normal_eq w -> L w = 2^-1 * sq ((1%:M - Pi) *m r).
Proof.
by move/normal_seen => Jw; rewrite lossE Jw mulmxBl mul1mx -sqN opprB.
Qed.

(** The point of w0 + S below any minimizer is w-hat = w0 + J^+ r. *)
Lemma hat_minimizer w : minimizer L w -> hat J w0 w = wh.
Proof.
move/prp_normal_equations_1/normal_seen => Jw; congr (_ + _).
by rewrite /proj -mulmxA Jw !mulmxA penrose2.
Qed.
Lemma wh_minimizer : minimizer L wh.
Proof. by apply/prp_normal_equations_1; exact: prp_normal_equations_2. Qed.

(* statement: thm-minimum-norm (2) "exactly one minimizer is nearest to w0: w0 + J^+ r" *)
Theorem thm_minimum_norm_2 w :
  (minimizer L w /\ (forall w', minimizer L w' -> sq (w - w0) <= sq (w' - w0)))
  <-> w = wh.
Proof.
split=> [[wmin wnear] | ->].
  (* A minimizer that is not w-hat is farther from w0 than w-hat, which is a minimizer, too. *)
  have [//|/eqP] := eqVneq w wh => /eqP; rewrite -(hat_minimizer wmin) => /prp_span_2_lt.
  by rewrite hat_minimizer // ltNge wnear //; exact: wh_minimizer.
split=> [|w' /hat_minimizer <-]; [exact: wh_minimizer | exact: prp_span_2_le].
Qed.

(* statement: thm-minimum-norm (2) "it is w0 + J^T alpha with alpha = K^+ r" *)
Theorem thm_minimum_norm_2_dual : wh = w0 + J^T *m (pinv (gram J) *m r).
Proof. by rewrite mulmxA thm_minimum_norm_1. Qed.

(* statement: thm-minimum-norm (3) "the only minimizer in w0 + S" *)
Theorem thm_minimum_norm_3_span w : minimizer L w -> S (w - w0) -> w = wh.
Proof. by move=> /hat_minimizer <- /hat_id. Qed.

(* statement: thm-minimum-norm (3) "the right triangle of the minimizers" *)
Theorem thm_minimum_norm_3 w :
  minimizer L w -> sq (w - w0) = sq (wh - w0) + sq (w - wh).
Proof. by move=> /hat_minimizer <-; exact: prp_span_2. Qed.

(* statement: thm-minimum-norm (4) "the squared distance" *)
Theorem thm_minimum_norm_4 : sq (wh - w0) = dot r (pinv (gram J) *m r).
Proof. by rewrite /wh addKB pinv_gram /sq dot_adj mulmxA. Qed.

(* statement: prp-predictor "the prediction F(x; w0) + k(x, X) K^+ r" *)
(* difference: g is the gradient at x, v the value F(x; w0), and J g = k_m(X, x). *)
Theorem prp_predictor (g : 'cV[R]_p) (v : R) :
  v + dot g (wh - w0) = v + dot (J *m g) (pinv (gram J) *m r).
Proof.
congr (_ + _).
by rewrite /wh addKB -thm_minimum_norm_1 -/(gram J) dot_adj mulmxA.
Qed.

(* statement: prp-predictor "at the training inputs, with Pi = K K^+" *)
Theorem prp_predictor_training :
  F0 wh = f0 + Pi *m r /\ Pi = gram J *m pinv (gram J).
Proof.
split; first by rewrite /lin /wh addKB mulmxA.
by rewrite pinv_gram gram_pinv.
Qed.

(* statement: prp-predictor "the error that remains" *)
Theorem prp_predictor_error : y - F0 wh = (1%:M - Pi) *m r.
Proof.
rewrite (proj1 prp_predictor_training) mulmxBl mul1mx.
by rewrite opprD addrA.
Qed.

(* statement: prp-predictor "is not longer than r" *)
(* difference: squared lengths. *)
Theorem prp_predictor_length : sq (y - F0 wh) <= sq r.
Proof.
(* r is the sum of Pi r and (I - Pi) r, which are orthogonal. *)
have orth : dot (Pi *m r) ((1%:M - Pi) *m r) = 0.
  rewrite dot_adj penrose3 mulmxA mulmxBr mulmx1 mulmxA penrose1.
  by rewrite subrr mul0mx dot0r.
rewrite prp_predictor_error [leRHS](_ : _ = sq (Pi *m r + (1%:M - Pi) *m r)).
  by rewrite (pythagoras orth) ler_addr sq_ge0.
by rewrite -mulmxDl addrC subrK mul1mx.
Qed.

(* statement: prp-predictor "it is zero if and only if r is in the range of J" *)
Theorem prp_predictor_zero : y - F0 wh = 0 <-> inrange J r.
Proof.
rewrite prp_predictor_error mulmxBl mul1mx -mulmxA.
split=> [/subr0_eq rE | [u rE]]; first by exists (pinv J *m r).
by rewrite {1}rE [in X in _ - X]rE !mulmxA penrose1 subrr.
Qed.
End LeastSquares.
(** The limit of gradient descent. *)
Section GradientMode.
Variable R : realFieldType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 y : 'cV[R]_n) (w0 : 'cV[R]_p).
Local Notation F0 := (lin J f0 w0).
Let r := y - f0.
Let wh := w0 + pinv J *m r.

(* v is a right singular vector: an eigenvector of J^T J with the eigenvalue s2 = sigma_k^2 *)
(* statement: prp-gradient-limit (1) "each coordinate is multiplied by 1 - eta sigma_k^2" *)
Theorem prp_gradient_limit_1 (v : 'cV_p) s2 eta (w : nat -> 'cV_p) t :
  (J^T *m J) *m v = s2 *: v ->
  (forall t, w t.+1 = w t - eta *: (J^T *m (F0 (w t) - y))) ->
  dot v (w t - wh) = (1 - eta * s2) ^+ t * dot v (w 0%N - wh).
Proof.
move=> vE step; elim: t => [|t IH]; first by rewrite expr0 mul1r.
have gradE : J^T *m (F0 (w t) - y) = (J^T *m J) *m (w t - wh).
  have -> : F0 (w t) - y = J *m (w t - w0) - r by rewrite /lin /r opprB addrCA addrA.
  by rewrite -[w t - wh](subBB w0) mulmxBr [RHS]mulmxBr mulmxA prp_normal_equations_2.
rewrite exprS -mulrA -IH step gradE addrAC dotBr dotZr mulrBl mul1r -mulrA.
by rewrite -[s2 * _]dotZl -vE [dot (_ *m v) _]dot_adj trmx_mul trmxK.
Qed.
End GradientMode.
Section GradientLimit.
Variable R : rcfType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 y : 'cV[R]_n) (w0 : 'cV[R]_p).
Local Notation F0 := (lin J f0 w0).
Let wh := w0 + pinv J *m (y - f0).
Variables (eta q : R) (w : nat -> 'cV[R]_p).
Hypothesis start : w 0%N = w0.
Hypothesis step : forall t, w t.+1 = w t - eta *: (J^T *m (F0 (w t) - y)).
(* sigma2 runs over the squared singular values that are not zero *)
Hypothesis contraction : forall (v : 'cV[R]_p) sigma2,
  v != 0 -> J^T *m J *m v = sigma2 *: v -> sigma2 != 0 -> `|1 - eta * sigma2| <= q.

(* statement: prp-gradient-limit (2) "the distance to w-hat shrinks by q in each step" *)
(* difference: squared lengths; q is any number with |1 - eta sigma_k^2| <= q for the nonzero
   sigma_k, and is below one if 0 < eta < 2 / lambda_max (the last statement). *)
Theorem prp_gradient_limit_2 t : sq (w t - wh) <= q ^+ (2 * t) * sq (w0 - wh).
Proof.
have AT : (J^T *m J)^T = J^T *m J by rewrite trmx_mul trmxK.
have [V [l [VV AE]]] := spectral AT.
have V'V : V^T *m V = 1%:M by exact: mulmx1C.
pose v k : 'cV[R]_p := (row k V)^T.
have sqV u : sq u = \sum_k dot (v k) u ^+ 2.
  have -> : sq u = sq (V *m u) by rewrite [RHS]/sq dot_adj mulmxA V'V mul1mx.
  rewrite /sq dotE; apply: eq_bigr => k _; rewrite -expr2; congr (_ ^+ 2).
  by rewrite mxE dotE; apply: eq_bigr => i _; rewrite !mxE.
have vE k : J^T *m J *m v k = l 0 k *: v k.
  have VA : V *m (J^T *m J) = diag_mx l *m V by rewrite AE !mulmxA VV mul1mx.
  rewrite /v -{1}AT -trmx_mul -row_mul VA; apply/colP => j.
  by rewrite mul_diag_mx !mxE.
have v0 k : v k != 0.
  apply/eqP => v0; have := congr1 (fun M : 'M_p => M k k) VV; rewrite !mxE eqxx big1.
    by move/esym/eqP; rewrite oner_eq0.
  by move=> j _; have /colP/(_ j) := v0; rewrite !mxE => ->; rewrite mul0r.
rewrite !sqV mulr_sumr; apply: ler_sum => k _.
rewrite (prp_gradient_limit_1 t (vE k) step) start exprMn.
have [l0|l0] := eqVneq (l 0 k) 0; last first.
  have le_q : `|1 - eta * l 0 k| <= q by exact: contraction (v0 k) (vE k) l0.
  have q0 : 0 <= q := le_trans (normr_ge0 _) le_q.
  apply: ler_wpmul2r; first exact: sqr_ge0.
  rewrite mulnC exprM -[leLHS]real_normK ?num_real //.
  by rewrite ler_expn2r ?nnegrE ?exprn_ge0 ?normr_ge0 // normrX ler_expn2r ?nnegrE.
suff -> : dot (v k) (w0 - wh) = 0 by rewrite expr0n /= !mulr0.
have Jv : J *m v k = 0.
  by apply/eqP; rewrite -sq_eq0 /sq dot_adj mulmxA vE l0 scale0r dot0r.
rewrite -opprB dotNr /wh addKB -thm_minimum_norm_1 -mulmxA.
by rewrite dotC dot_adj trmxK Jv dot0r oppr0.
Qed.

(* statement: prp-gradient-limit (1) "descent from w0 stays in w0 + S" *)
Theorem prp_gradient_limit_1_span t : inrange J^T (w t - w0).
Proof. by have := prp_descent_stays t step; rewrite start. Qed.
End GradientLimit.

(* statement: prp-gradient-limit (2) "each factor is below one if 0 < eta < 2 / lambda_max" *)
Theorem prp_gradient_limit_2_factor (R : realFieldType) (eta s2 lmax : R) :
  0 < s2 -> s2 <= lmax -> 0 < eta -> eta < 2 / lmax -> `|1 - eta * s2| < 1.
Proof.
move=> s0 le_max e0 lt_step; have l0 : 0 < lmax := lt_le_trans s0 le_max.
have es0 : 0 < eta * s2 by rewrite mulr_gt0.
have es2 : eta * s2 < 2.
  apply: le_lt_trans (_ : eta * lmax < _); first by rewrite ler_pmul2l.
  by rewrite -ltr_pdivl_mulr.
rewrite ltr_norml; apply/andP; split; last by rewrite ltr_subl_addr ltr_addl.
by rewrite ltr_subr_addr addrC -ltr_subr_addr opprK.
Qed.
(** With a larger step, descent leaves; the field is Archimedean, as the real numbers are. *)
Section Divergence.
Variable R : archiFieldType.

Lemma bernoulli (h : R) t : 0 <= h -> 1 + t%:R * h <= (1 + h) ^+ t.
Proof.
move=> h0; elim: t => [|t IH]; first by rewrite mul0r addr0 expr0.
rewrite exprS; apply: le_trans (ler_wpmul2l (addr_ge0 ler01 h0) IH).
rewrite [leRHS]mulrDl mul1r mulrDr mulr1 -addn1 natrD mulrDl mul1r !addrA ler_addl.
by rewrite mulrCA mulr_ge0 ?ler0n // mulr_ge0.
Qed.

Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 y : 'cV[R]_n) (w0 : 'cV[R]_p).
Local Notation F0 := (lin J f0 w0).
Let r := y - f0.
Let wh := w0 + pinv J *m r.

(* statement: prp-gradient-limit (3) "with a step above 2 / lambda_max the distance tends to infinity" *)
(* difference: squared lengths, in any Archimedean field; v is an eigenvector of J^T J with the
   eigenvalue lambda_max, and J v is in the place of u_1, of which it is a multiple. *)
Theorem prp_gradient_limit_3 (v : 'cV_p) lmax eta (w : nat -> 'cV_p) :
  0 < lmax -> (J^T *m J) *m v = lmax *: v -> 2 / lmax < eta -> dot (J *m v) r != 0 ->
  w 0%N = w0 -> (forall t, w t.+1 = w t - eta *: (J^T *m (F0 (w t) - y))) ->
  forall B, exists T, forall t, (T <= t)%N -> B <= sq (w t - wh).
Proof.
move=> l0 vE step_gt seen start step B; pose h := eta * lmax - 2.
have h0 : 0 < h by rewrite subr_gt0 -ltr_pdivr_mulr.
(* At the start the component along v is not zero. *)
pose c := dot v (w0 - wh).
have c0 : c != 0.
  have lc : lmax * c = - dot (J *m v) r.
    rewrite -dotZl -vE [dot (_ *m v) _]dot_adj trmx_mul trmxK -opprB addKB mulmxN dotNr.
    by rewrite /wh mulmxA -(mulmxA J^T) coprojTK [in RHS]dot_adj.
  by apply: contra_neq seen => c0; apply/eqP; rewrite -oppr_eq0 -lc c0 mulr0.
(* It is multiplied by 1 - eta lmax = - (1 + h) in each step. *)
have along t : dot v (w t - wh) = (- (1 + h)) ^+ t * c.
  rewrite (prp_gradient_limit_1 t vE step) start -/c; congr (_ ^+ t * _).
  by rewrite /h; ring.
have v0 : 0 < sq v.
  by rewrite sq_gt0; apply: contraNneq c0 => v0; rewrite /c v0 dot0l.
have c2 : 0 < c ^+ 2 by rewrite exprn_even_gt0.
(* |w_t - w-hat|^2 is at least the square of its component. *)
have low t : (1 + h) ^+ t * (c ^+ 2 / sq v) <= sq (w t - wh).
  rewrite mulrA ler_pdivr_mulr // [leRHS]mulrC.
  apply: le_trans (cauchy_schwarz_sq v (w t - wh)); rewrite along exprMn ler_pmul2r //.
  have one : 1 <= (1 + h) ^+ t by rewrite exprn_ege1 // ler_addl ltW.
  rewrite exprAC sqrrN exprAC.
  by rewrite expr2 ler_pmulr // (lt_le_trans ltr01 one).
pose s := `|B| / (c ^+ 2 / sq v) / h.
have s0 : 0 <= s by rewrite !divr_ge0 ?normr_ge0 ?sqr_ge0 ?sq_ge0 ?ltW.
exists (Num.bound s) => t le_t.
apply: le_trans (low t); rewrite -ler_pdivr_mulr ?divr_gt0 //.
apply: le_trans (bernoulli t (ltW h0)); apply: le_trans (_ : t%:R * h <= _); last first.
  by rewrite ler_addr ler01.
rewrite -ler_pdivr_mulr //; apply: le_trans (_ : s <= _).
  by rewrite ler_wpmul2r ?invr_ge0 ?(ltW h0) // ler_wpmul2r ?invr_ge0 ?divr_ge0 ?sqr_ge0 ?sq_ge0 ?ler_norm.
by apply: le_trans (ltW (archi_boundP s0)) _; rewrite ler_nat.
Qed.
End Divergence.

(** Another start: w0 + z. *)
Section OtherStart.
Variable R : rcfType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 y : 'cV[R]_n) (w0 z : 'cV[R]_p).
Local Notation F0 := (lin J f0 w0).
Let L w := 2^-1 * sq (F0 w - y).
Let limit := w0 + pinv J *m (y - f0) + (1%:M - proj J) *m z.

(* Seen from w0 + z, where the values are f0 + J z, the linearization is the same function. *)
Lemma lin_from w : F0 w = lin J (f0 + J *m z) (w0 + z) w.
Proof.
rewrite /lin -addrA -mulmxDr; congr (_ + _ *m _).
by rewrite [w0 + z]addrC opprD addrCA [z + (_ + _)]addrA subrr sub0r.
Qed.

Lemma limit_from : limit = w0 + z + pinv J *m (y - (f0 + J *m z)).
Proof.
have -> : pinv J *m (y - (f0 + J *m z)) = pinv J *m (y - f0) - proj J *m z.
  by rewrite opprD addrA mulmxBr mulmxA.
by rewrite /limit mulmxBl mul1mx addrACA.
Qed.

(* statement: prp-gradient-limit (4) "started at w0 + z, descent tends to w-hat + (I - P_S) z" *)
(* difference: as in (2): squared lengths, and q is any number with |1 - eta sigma_k^2| <= q for the
   nonzero sigma_k. *)
Theorem prp_gradient_limit_4 eta q (w : nat -> 'cV[R]_p) t :
  w 0%N = w0 + z -> (forall t, w t.+1 = w t - eta *: (J^T *m (F0 (w t) - y))) ->
  (forall (v : 'cV[R]_p) sigma2,
    v != 0 -> J^T *m J *m v = sigma2 *: v -> sigma2 != 0 -> `|1 - eta * sigma2| <= q) ->
  sq (w t - limit) <= q ^+ (2 * t) * sq (w0 + z - limit).
Proof.
move=> start step contraction; rewrite limit_from.
apply: (prp_gradient_limit_2 start _ contraction) => s.
by rewrite step lin_from.
Qed.

(* statement: prp-gradient-limit (4) "which is the minimizer nearest to w0 + z" *)
Theorem prp_gradient_limit_4_nearest u :
  (minimizer L u /\ (forall w', minimizer L w' -> sq (u - (w0 + z)) <= sq (w' - (w0 + z))))
  <-> u = limit.
Proof.
have same w : minimizer L w <->
    minimizer (fun w' => 2^-1 * sq (lin J (f0 + J *m z) (w0 + z) w' - y)) w.
  by split=> wmin w'; have := wmin w'; rewrite /L !lin_from.
rewrite limit_from -(thm_minimum_norm_2 J (f0 + J *m z) y (w0 + z)).
split=> -[umin near]; split.
- exact: (proj1 (same u) umin).
- by move=> w' wmin; exact: near (proj2 (same w') wmin).
- exact: (proj2 (same u) umin).
- by move=> w' wmin; exact: near (proj1 (same w') wmin).
Qed.
End OtherStart.

(** If the gradients are independent, every vector of values is reached. *)
Lemma fit_onto (R : realFieldType) n p (J : 'M[R]_(n, p)) f0 w0 :
  \rank J = n -> forall y, exists w, lin J f0 w0 w = y.
Proof.
move=> rJ y; have uK : gram J \in unitmx by rewrite gram_unit rJ.
exists (w0 + J^T *m (invmx (gram J) *m (y - f0))).
by rewrite /lin addKB mulmxA mulKVmx // addrC subrK.
Qed.
(** Repeated inputs. *)
Section Duplicates.
Variable R : realFieldType.
Variables n G p : nat.
(** Point i is a copy of the distinct input g = c i. *)
Variable c : 'I_n -> 'I_G.
Variables (Jt : 'M[R]_(G, p)) (ft : 'cV[R]_G) (w0 : 'cV[R]_p) (y : 'cV[R]_n).

Definition copies m (A : 'M[R]_(G, m)) : 'M[R]_(n, m) := \matrix_i row (c i) A.
Let J := copies Jt.
Let f0 := copies ft.
Let F0 := lin J f0 w0.
Let Ft := lin Jt ft w0.
Let wh := w0 + pinv J *m (y - f0).
Definition size_of g : R := #|[pred i | c i == g]|%:R.
Definition ybar : 'cV[R]_G := \col_g ((\sum_(i | c i == g) y i 0) / size_of g).

Lemma copies_lin w : F0 w = copies (Ft w).
Proof.
apply/colP => i; rewrite !mxE; congr (_ + _).
by apply: eq_bigr => k _; rewrite !mxE.
Qed.

(* statement: prp-duplicates (1) "the dual coefficients agree on copies" *)
Theorem prp_duplicates_1 i i' (r : 'cV[R]_n) : c i = c i' ->
  (pinv (gram J) *m r) i 0 = (pinv (gram J) *m r) i' 0.
Proof.
move=> cii; pose K := gram J.
have KT : (pinv K)^T = pinv K by rewrite -pinvT gramT.
have -> : pinv K = J *m (J^T *m pinv K *m pinv K).
  rewrite !mulmxA -/(gram J) -/K -[in LHS]penrose2 -(penrose4 K).
  by rewrite trmx_mul KT gramT.
rewrite -mulmxA; set v := (_ *m r).
by rewrite !mxE; apply: eq_bigr => k _; rewrite !mxE cii.
Qed.
Lemma ybar_sum g : size_of g * ybar g 0 = \sum_(i | c i == g) y i 0.
Proof.
rewrite mxE mulrC; have [g0|g0] := eqVneq (size_of g) 0; last by rewrite divfK.
rewrite g0 mulr0 big_pred0 // => i; apply/negP => cig.
move/eqP: g0; rewrite pnatr_eq0 => /eqP/card0_eq/(_ i).
by rewrite inE cig.
Qed.
Lemma copiesB (f : 'cV[R]_G) i g : c i == g -> (copies f - y) i 0 = f g 0 - y i 0.
Proof. by move/eqP <-; rewrite !mxE. Qed.
Lemma sq_copies (f : 'cV[R]_G) :
  sq (copies f - y) = \sum_g size_of g * (f g 0 - ybar g 0) ^+ 2 + sq (copies ybar - y).
Proof.
rewrite /sq !dotE (partition_big c xpredT) //=.
rewrite [X in _ = _ + X](partition_big c xpredT) //= -big_split /=.
apply: eq_bigr => g _; set s := f g 0; set b := ybar g 0.
have -> : \sum_(i | c i == g) (copies f - y) i 0 * (copies f - y) i 0 =
    \sum_(i | c i == g) ((s - b) ^+ 2 + (s - b) *+ 2 * (b - y i 0) + (b - y i 0) ^+ 2).
  by apply: eq_bigr => i ci; rewrite -expr2 mulrnAl -sqrrD subrKA (copiesB _ ci).
have mid : \sum_(i | c i == g) (b - y i 0) = 0.
  by rewrite sumrB sumr_const -ybar_sum -mulr_natl subrr.
rewrite !big_split /= sumr_const -[X in _ + X + _]mulr_sumr mid mulr0 addr0.
rewrite -mulr_natl; congr (_ + _).
by apply: eq_bigr => i ci; rewrite -expr2 (copiesB _ ci).
Qed.

Let L w := 2^-1 * sq (F0 w - y).
Let Lt w := 2^-1 * \sum_g size_of g * (Ft w g 0 - ybar g 0) ^+ 2.

Lemma loss_copies w : L w = Lt w + 2^-1 * sq (copies ybar - y).
Proof. by rewrite /L copies_lin sq_copies mulrDr. Qed.

(* statement: prp-duplicates (2) "the weighted loss has the same minimizers" *)
Theorem prp_duplicates_2 w : minimizer Lt w <-> minimizer L w.
Proof.
by split=> wmin w'; have := wmin w'; rewrite !loss_copies ler_add2r.
Qed.

(* statement: prp-duplicates (2) "w-hat is the nearest minimizer of the weighted loss" *)
Theorem prp_duplicates_2_nearest w :
  (minimizer Lt w /\ (forall w', minimizer Lt w' -> sq (w - w0) <= sq (w' - w0)))
  <-> w = wh.
Proof.
rewrite -(thm_minimum_norm_2 J f0 y w0 w).
split=> -[wmin near]; split; try exact/prp_duplicates_2.
  by move=> w' /prp_duplicates_2; exact: near.
by move=> w' /prp_duplicates_2; exact: near.
Qed.

(* statement: prp-duplicates (3) "independent gradients: the fit takes the means" *)
Theorem prp_duplicates_3 : (forall g, size_of g != 0) -> \rank Jt = G ->
  Ft wh = ybar /\ L wh = 2^-1 * sq (copies ybar - y).
Proof.
move=> sz rJ; have ge0 w g : 0 <= size_of g * (Ft w g 0 - ybar g 0) ^+ 2.
  by rewrite mulr_ge0 ?ler0n ?sqr_ge0.
have [w1 w1E] : exists w, Ft w = ybar by exact: fit_onto rJ ybar.
have /prp_duplicates_2/(_ w1) := wh_minimizer J f0 y w0.
rewrite {2}/Lt w1E big1 ?mulr0 => [|g _]; last by rewrite subrr expr0n mulr0.
rewrite /Lt pmulr_rle0 ?invr_gt0 ?ltr0n // => le0.
have {le0} : \sum_g size_of g * (Ft wh g 0 - ybar g 0) ^+ 2 == 0.
  by rewrite eq_le le0 sumr_ge0.
rewrite psumr_eq0 => [/allP eq0|g _]; last exact: ge0.
have FE : Ft wh = ybar.
  apply/colP => g; have := eq0 g (mem_index_enum _).
  by rewrite /= mulf_eq0 (negPf (sz g)) sqrf_eq0 subr_eq0 => /eqP.
split=> //; rewrite /L; congr (_ * sq _).
by rewrite copies_lin FE.
Qed.
End Duplicates.
(** What noise adds: y = f + xi with noise of mean zero and covariance tau^2 I. *)
Section Noise.
Variable R : realFieldType.
Variables (I : finType) (P : I -> R) (n p : nat) (xi : I -> 'cV[R]_n) (tau : R).
Variables (J : 'M[R]_(n, p)) (f0 f : 'cV[R]_n) (w0 : 'cV[R]_p).
Hypothesis probability : law P.
Hypothesis centered : forall j, mean P (fun i => xi i j 0) = 0.
Hypothesis white : forall j l, mean P (fun i => xi i j 0 * xi i l 0) = tau ^+ 2 * (j == l)%:R.
Local Notation E := (mean P).
Let rbar := f - f0.
Let y i := f + xi i.
Let wh i := w0 + pinv J *m (y i - f0).

Lemma residual_noise i : y i - f0 = rbar + xi i.
Proof. by rewrite /y /rbar addrAC. Qed.

(* statement: prp-noise "the mean squared distance" *)
(* difference: a law on finitely many points; tr K^+ is the sum of the 1 / sigma_k^2. *)
Theorem prp_noise_distance :
  E (fun i => sq (wh i - w0)) =
  dot rbar (pinv (gram J) *m rbar) + tau ^+ 2 * \tr (pinv (gram J)).
Proof.
rewrite (eq_mean _ (g := fun i => sq (pinv J *m (rbar + xi i)))) => [|i]; last first.
  by rewrite /wh addKB residual_noise.
rewrite (mean_sq _ _ probability centered white) pinv_gram; congr (_ + _ * _).
  by rewrite /sq dot_adj mulmxA.
by rewrite mxtrace_mulC.
Qed.

(* statement: prp-noise "the mean loss" *)
(* difference: as above; the rank of J is rho. *)
Theorem prp_noise_loss :
  E (fun i => 2^-1 * sq (lin J f0 w0 (wh i) - y i)) =
  2^-1 * sq ((1%:M - J *m pinv J) *m rbar) + 2^-1 * tau ^+ 2 * (n%:R - (\rank J)%:R).
Proof.
pose Q := 1%:M - J *m pinv J.
have QT : Q^T = Q by rewrite linearB /= trmx1 penrose3.
have QQ : Q *m Q = Q.
  by rewrite mulmxBl mul1mx mulmxBr mulmx1 mulmxA penrose1 subrr subr0.
rewrite meanZ (eq_mean _ (g := fun i => sq (Q *m (rbar + xi i)))) => [|i]; last first.
  rewrite -sqN opprB /lin /wh addKB residual_noise /Q mulmxBl mul1mx mulmxA.
  by rewrite opprD addrA residual_noise.
rewrite (mean_sq _ _ probability centered white) -/Q [LHS]mulrDr [in LHS]mulrA.
congr (_ + _ * _).
rewrite QT QQ /Q linearB /= mxtrace1; congr (_ - _).
by rewrite mxtrace_mulC -trace_proj.
Qed.

(* statement: prp-noise "the variance of a prediction" *)
(* difference: as above; g is the gradient at x, v the value F(x; w0), and J g = k_m(X, x). The mean
   of the prediction is that of the fit without noise. *)
Theorem prp_noise_variance (g : 'cV[R]_p) (v : R) :
  let prediction i := v + dot g (wh i - w0) in
  let average := v + dot g (pinv J *m rbar) in
  E prediction = average /\
  E (fun i => (prediction i - average) ^+ 2) = tau ^+ 2 * sq (pinv (gram J) *m (J *m g)).
Proof.
move=> prediction average.
(* What the noise adds to a prediction is <b, xi> with b = K^+ k(X, x). *)
set b := pinv (gram J) *m (J *m g).
have bE : b = (pinv J)^T *m g.
  have pJ : pinv (gram J) *m J = (pinv J)^T.
    by rewrite pinv_gram -mulmxA -[X in _ *m X]penrose4 -trmx_mul penrose2.
  by rewrite /b mulmxA pJ.
have predictionE i : prediction i = average + dot b (xi i).
  rewrite /prediction /wh addKB residual_noise mulmxDr dotDr addrA; congr (_ + _).
  by rewrite bE dot_adj trmxK.
split; first by rewrite (eq_mean _ predictionE) meanD mean_const // (mean_dot _ centered) addr0.
rewrite (eq_mean _ (g := fun i => dot b (xi i) ^+ 2)) => [|i].
  exact: mean_dot_sq.
by rewrite predictionE addrC addKr.
Qed.
End Noise.
