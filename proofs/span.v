(** Chapter "span": what the data see, and what they do not. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra linearization.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** J is any matrix, f0 the values F(X; w0), and S the range of J^T. *)
Section Span.
Variable R : realFieldType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 : 'cV[R]_n) (w0 : 'cV[R]_p).
Implicit Types (w z : 'cV[R]_p) (a : 'cV[R]_n).

Local Notation F0 := (lin J f0 w0).
Local Notation hat := (hat J w0).
Local Notation S := (inrange J^T).

Lemma hatB w : hat w - w0 = proj J *m (w - w0).
Proof. by rewrite /hat addKB. Qed.

(** Range of J^T and kernel of J are orthogonal. *)
Lemma orth_span s z : S s -> J *m z = 0 -> dot s z = 0.
Proof. by case=> a -> Jz; rewrite dot_adj trmxK Jz dot0r. Qed.

Lemma span_proj u : S (proj J *m u).
Proof.
exists ((pinv J)^T *m u); rewrite mulmxA -trmx_mul.
by rewrite -/(proj J) projT.
Qed.

Lemma span_hat w : S (hat w - w0).
Proof. by rewrite hatB; exact: span_proj. Qed.

Lemma seen w : J *m (hat w - w0) = J *m (w - w0).
Proof. by rewrite hatB mulmxA projK. Qed.

Lemma unseen w : J *m (w - hat w) = 0.
Proof. by rewrite -(subBB w0) mulmxBr seen subrr. Qed.

Lemma lin_eqP w w' : F0 w' = F0 w <-> J *m (w' - w) = 0.
Proof.
rewrite -(subBB w0) mulmxBr /lin; split=> [/addrI-> |]; first by rewrite subrr.
by move=> /subr0_eq->.
Qed.

(* statement: prp-span (1) "no training value changes" *)
Theorem prp_span_1 w : F0 (hat w) = F0 w.
Proof. by rewrite /lin seen. Qed.

(* statement: prp-span (2) "a right triangle" *)
Theorem prp_span_2 w : sq (w - w0) = sq (hat w - w0) + sq (w - hat w).
Proof.
rewrite -pythagoras; first by rewrite [in RHS]addrC subrKA.
exact: orth_span (span_hat w) (unseen w).
Qed.

(* statement: prp-span (2) "w-hat is not farther from w0" *)
Theorem prp_span_2_le w : sq (hat w - w0) <= sq (w - w0).
Proof. by rewrite [leRHS]prp_span_2 ler_addl sq_ge0. Qed.

(* statement: prp-span (2) "and nearer unless w = w-hat" *)
Theorem prp_span_2_lt w : w != hat w -> sq (hat w - w0) < sq (w - w0).
Proof. by rewrite [ltRHS]prp_span_2 ltr_addl sq_gt0 subr_eq0. Qed.

(* statement: prp-span (3) "the weights with the same training values are w-hat + ker J" *)
Theorem prp_span_3 w w' :
  F0 w' = F0 w <-> exists2 z, J *m z = 0 & w' = hat w + z.
Proof.
split=> [|[z Jz ->]].
  rewrite -(prp_span_1 w) => /lin_eqP Jz; exists (w' - hat w) => //.
  by rewrite addrC subrK.
by rewrite -(prp_span_1 w); apply/lin_eqP; rewrite addKB.
Qed.

Lemma hat_eq w w' : F0 w' = F0 w -> hat w' = hat w.
Proof.
move=> /lin_eqP Jz; congr (_ + _); apply/subr0_eq.
by rewrite -mulmxBr subBB /proj -mulmxA Jz mulmx0.
Qed.

(* statement: prp-span (3) "w-hat is the nearest of them to w0" *)
Theorem prp_span_3_nearest w w' :
  F0 w' = F0 w -> w' != hat w -> sq (hat w - w0) < sq (w' - w0).
Proof. by move/hat_eq => <-; exact: prp_span_2_lt. Qed.

Lemma hat_id w : S (w - w0) -> hat w = w.
Proof.
by case=> a wE; rewrite /hat wE mulmxA projTK -wE addrC subrK.
Qed.

(* statement: prp-span (3) "and the only one in w0 + S" *)
Theorem prp_span_3_unique w w' : F0 w' = F0 w -> S (w' - w0) -> w' = hat w.
Proof. by move=> /hat_eq <- /hat_id. Qed.

(* statement: prp-span (4) "w-hat = w0 + J^T alpha for some alpha" *)
Theorem prp_span_4_exists w : exists a, hat w = w0 + J^T *m a.
Proof. by have [a wE] := span_hat w; exists a; rewrite -wE addrC subrK. Qed.

(* statement: prp-span (4) "the alpha are the solutions of J J^T alpha = J (w - w0)" *)
Theorem prp_span_4 w a :
  hat w = w0 + J^T *m a <-> gram J *m a = J *m (w - w0).
Proof.
split=> [wE | Ka]; first by rewrite -seen wE addKB mulmxA.
apply/esym/prp_span_3_unique; last by exists a; rewrite addKB.
by rewrite /lin addKB mulmxA -/(gram J) Ka.
Qed.

(* statement: prp-span (4) "there is only one if and only if rank J = n" *)
Theorem prp_span_4_unique w :
  (forall a a', hat w = w0 + J^T *m a -> hat w = w0 + J^T *m a' -> a = a')
  <-> \rank J = n.
Proof.
rewrite -mxrank_tr -inj_rank; have [b wb] := prp_span_4_exists w.
split=> [uniq u Ju0 | inj a a' -> /addrI Jaa'].
  by apply: (addrI b); rewrite addr0; apply: uniq; rewrite // mulmxDr Ju0 addr0.
by apply/subr0_eq/inj; rewrite mulmxBr Jaa' subrr.
Qed.
End Span.
Section Representer.
Variable R : rcfType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 : 'cV[R]_n) (w0 : 'cV[R]_p).
Variables (l : 'cV[R]_n -> R) (Omega : R -> R).
Local Notation F0 := (lin J f0 w0).
Local Notation hat := (hat J w0).
Local Notation S := (inrange J^T).
Let L w := l (F0 w) + Omega (norm (w - w0)).

Section Nondecreasing.
Hypothesis Omega_le : forall s t, 0 <= s -> s <= t -> Omega s <= Omega t.

(* statement: prp-representer (1) "L(w-hat) is at most L(w)" *)
Theorem prp_representer_1 w : L (hat w) <= L w.
Proof.
rewrite /L prp_span_1 ler_add2l Omega_le ?norm_ge0 //.
by rewrite ler_norm_sq prp_span_2_le.
Qed.

(* statement: prp-representer (1) "the infimum is the same over w0 + S" *)
(* difference: two functions have the same infimum if they have the same lower bounds. *)
Theorem prp_representer_1_inf b :
  (forall w, b <= L w) <-> (forall w, S (w - w0) -> b <= L w).
Proof.
split=> [bL w _ | bL w]; first exact: bL.
exact: le_trans (bL _ (span_hat J w0 w)) (prp_representer_1 w).
Qed.

(* statement: prp-representer (1) "if there is a minimizer, there is one in w0 + S" *)
Theorem prp_representer_1_minimizer w : minimizer L w -> minimizer L (hat w) /\ S (hat w - w0).
Proof.
move=> wmin; split; last by exact: span_hat.
by move=> w'; exact: le_trans (prp_representer_1 w) (wmin w').
Qed.
End Nondecreasing.

(* statement: prp-representer (2) "Omega strictly increasing: every minimizer lies in w0 + S" *)
Theorem prp_representer_2 w :
  (forall s t, 0 <= s -> s < t -> Omega s < Omega t) ->
  minimizer L w -> S (w - w0).
Proof.
move=> Omega_lt wmin; have [->|] := eqVneq w (hat w); first exact: span_hat.
move=> /prp_span_2_lt; rewrite -ltr_norm_sq => /(Omega_lt _ _ (norm_ge0 _)) lt_hat.
by have := wmin (hat w); rewrite /L prp_span_1 ler_add2l leNgt lt_hat.
Qed.

(* statement: prp-representer (3) "Omega constant: all of w-hat + ker J are minimizers" *)
Theorem prp_representer_3 w z :
  (forall s t, Omega s = Omega t) -> minimizer L w ->
  J *m z = 0 -> minimizer L (hat w + z).
Proof.
move=> Omega_c wmin Jz w'.
have Fz : F0 (hat w + z) = F0 w by apply/prp_span_3; exists z.
by rewrite {1}/L Fz (Omega_c _ (norm (w - w0))); exact: wmin.
Qed.
End Representer.

Section Descent.
Variable R : realFieldType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 : 'cV[R]_n) (w0 : 'cV[R]_p).
Local Notation S := (inrange J^T).

(* statement: prp-descent-stays "descent stays in u0 + S" *)
(* difference: the gradient of L = l(F0(X; w)) is J^T g with g the gradient of l (the chain rule);
   here g may be any sequence. *)
Theorem prp_descent_stays (u : nat -> 'cV[R]_p) (eta : nat -> R) (g : nat -> 'cV[R]_n) t :
  (forall t, u t.+1 = u t - eta t *: (J^T *m g t)) -> S (u t - u 0%N).
Proof.
move=> step; elim: t => [|t [a uE]]; first by exists 0; rewrite subrr mulmx0.
exists (a - eta t *: g t).
by rewrite step mulmxBr -uE -scalemxAr addrAC.
Qed.

(* statement: prp-descent-stays "the unseen part never changes" *)
Theorem prp_descent_stays_unseen (u : nat -> 'cV[R]_p) (eta : nat -> R) (g : nat -> 'cV[R]_n) t :
  (forall t, u t.+1 = u t - eta t *: (J^T *m g t)) ->
  (1%:M - proj J) *m (u t - w0) = (1%:M - proj J) *m (u 0%N - w0).
Proof.
move=> step; have [a uE] := prp_descent_stays t step.
apply/subr0_eq; rewrite -mulmxBr subBB uE mulmxBl mul1mx.
by rewrite mulmxA projTK subrr.
Qed.

(** One step for the squared loss: the residual is multiplied by I - eta K. *)
Lemma descent_residual (y : 'cV[R]_n) eta w :
  let w' := w - eta *: (J^T *m (lin J f0 w0 w - y)) in
  y - lin J f0 w0 w' = (1%:M - eta *: gram J) *m (y - lin J f0 w0 w).
Proof.
move=> w'; set r := y - lin J f0 w0 w.
have -> : lin J f0 w0 w' = lin J f0 w0 w + eta *: (gram J *m r).
  rewrite /w' /lin -[_ - y]opprB -/(lin J f0 w0 w) -/r mulmxN scalerN opprK.
  by rewrite addrAC mulmxDr addrA -scalemxAr mulmxA.
by rewrite opprD addrA -/r mulmxBl mul1mx -scalemxAl.
Qed.

(** A new input with the gradient g; the value F(x; w0) cancels. *)
(* statement: prp-test-point (1) "the two values differ by the unseen part of g" *)
Theorem prp_test_point_1 (g : 'cV[R]_p) w :
  dot g (w - w0) - dot g (hat J w0 w - w0) = dot ((1%:M - proj J) *m g) (w - w0).
Proof.
by rewrite -dotBr hatB dot_adj projCT mulmxBl mul1mx.
Qed.

(* statement: prp-test-point (2) "zero for every w if and only if g is in S" *)
Theorem prp_test_point_2 (g : 'cV[R]_p) :
  (forall w, dot g (w - w0) = dot g (hat J w0 w - w0)) <-> S g.
Proof.
split=> [same | [a ->] w].
  have {same} := same (w0 + (1%:M - proj J) *m g).
  move/eqP; rewrite -subr_eq0 prp_test_point_1 addKB -/(sq _) sq_eq0 mulmxBl mul1mx.
  by rewrite subr_eq0 => /eqP->; exact: span_proj.
by rewrite !dot_adj trmxK seen.
Qed.

(* statement: prp-descent-stays "the limit of descent from w0 is the nearest to w0" *)
(* difference: all of w0 + S is shown to have this property, and the limit lies in it: S is closed. *)
Theorem prp_descent_stays_nearest w w' :
  S (w - w0) -> lin J f0 w0 w' = lin J f0 w0 w -> w' != w -> sq (w - w0) < sq (w' - w0).
Proof.
move=> Sw same neq; rewrite -{1}(hat_id Sw).
by apply: (prp_span_3_nearest same); rewrite (hat_id Sw).
Qed.
End Descent.

(** A new input: how far the values of all fits can lie apart. *)
Section NewInput.
Variable R : rcfType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 : 'cV[R]_n) (w0 : 'cV[R]_p) (g : 'cV[R]_p).
Let h := norm ((1%:M - proj J) *m g).

Lemma proj_complement_idem : (1%:M - proj J) *m (1%:M - proj J) = 1%:M - proj J.
Proof. by rewrite mulmxBl mul1mx mulmxBr mulmx1 proj_idem subrr subr0. Qed.

(* statement: prp-test-point (3) "within distance rho the values at x fill an interval" *)
(* difference: F(x; w) - F(x; w-hat) is written as the inner product of g and z = w - w-hat. *)
Theorem prp_test_point_3 rho v : 0 <= rho ->
  (exists z, [/\ J *m z = 0, norm z <= rho & dot g z = v]) <-> `|v| <= rho * h.
Proof.
move=> rho0; set u := (1%:M - proj J) *m g.
(* On ker J only the unseen part u of g counts. *)
have unseen_part z : J *m z = 0 -> dot g z = dot u z.
  by move=> Jz; rewrite /u dot_adj projCT mulmxBl mul1mx /proj -mulmxA Jz mulmx0 subr0.
split=> [[z [Jz le_rho <-]] | le_v].
  rewrite (unseen_part z Jz) mulrC.
  apply: le_trans (cauchy_schwarz u z) _.
  by apply: ler_wpmul2l; rewrite ?norm_ge0.
(* Every value is reached by a multiple of u. *)
have Ju : J *m u = 0 by rewrite mulmxA mulmxBr mulmx1 projK subrr mul0mx.
have [u0|u0] := eqVneq u 0.
  have h0 : h = 0 by apply/eqP; rewrite norm_eq0 -/u u0.
  exists 0; rewrite mulmx0 dot0r; split=> //.
    by rewrite (_ : norm 0 = 0) //; apply/eqP; rewrite norm_eq0.
  by apply/esym/eqP; rewrite -normr_le0; move: le_v; rewrite h0 mulr0.
have h2 : sq u != 0 by rewrite sq_eq0.
exists ((v / sq u) *: u); split.
- by rewrite -scalemxAr Ju scaler0.
- have h0 : 0 < h by rewrite lt_neqAle norm_ge0 eq_sym norm_eq0 u0.
  rewrite /norm {1}/sq dotZl dotZr -/(sq u) mulrA -expr2 sqrtrM ?sqr_ge0 // sqrtr_sqr.
  rewrite -[Num.sqrt _]/h normrM normfV (ger0_norm (sq_ge0 u)) -norm_sq -/h.
  by rewrite expr2 invfM mulrA divfK ?gt_eqF // ler_pdivr_mulr.
- by rewrite dotZr unseen_part // -/(sq u) divfK.
Qed.
End NewInput.

(** Kernels and Gram matrices. *)
Section Kernel.
Variable R : realFieldType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 : 'cV[R]_n) (w0 : 'cV[R]_p).

(* statement: prp-gram "a Gram matrix is symmetric" *)
Theorem prp_gram_symmetric : (gram J)^T = gram J.
Proof. exact: gramT. Qed.

Lemma gram_sum (u : 'cV_n) : J^T *m u = \sum_i u i 0 *: (row i J)^T.
Proof.
apply/colP => k; rewrite summxE mxE; apply: eq_bigr => i _.
by rewrite !mxE mulrC.
Qed.

(* statement: prp-gram "its quadratic form is a squared length" *)
Theorem prp_gram_form (u : 'cV_n) :
  dot u (gram J *m u) = sq (J^T *m u) /\ sq (J^T *m u) = sq (\sum_i u i 0 *: (row i J)^T) /\
  0 <= dot u (gram J *m u).
Proof. by rewrite -gram_sum dot_gram; split=> //; split=> //; exact: sq_ge0. Qed.

(* statement: prp-gram "which is zero if and only if K u = 0" *)
Theorem prp_gram_zero (u : 'cV_n) : dot u (gram J *m u) = 0 <-> gram J *m u = 0.
Proof.
rewrite dot_gram; split=> [/eqP | /eqP]; last first.
  by rewrite gram_eq0 => /eqP ->; rewrite /sq dot0r.
by rewrite sq_eq0 -gram_eq0 => /eqP.
Qed.

(* statement: prp-gram "and if and only if the gradients satisfy the relation u" *)
Theorem prp_gram_relation (u : 'cV_n) : gram J *m u = 0 <-> \sum_i u i 0 *: (row i J)^T = 0.
Proof. by rewrite -gram_sum; split=> /eqP H; apply/eqP; move: H; rewrite gram_eq0. Qed.

(* statement: prp-gram "rank K = rank G, at most p" *)
Theorem prp_gram_rank : \rank (gram J) = \rank J /\ (\rank (gram J) <= p)%N.
Proof. by rewrite rank_gram; split=> //; exact: rank_leq_col. Qed.

(* statement: prp-kernel-expansion "a prediction is a sum of kernels" *)
(* difference: g is the gradient at x, v the value F(x; w0), and dot g (row i J)^T is k_m(x, x_i). *)
Theorem prp_kernel_expansion (g : 'cV[R]_p) (v : R) (a : 'cV_n) :
  v + dot g (w0 + J^T *m a - w0) = v + \sum_i a i 0 * dot g (row i J)^T.
Proof.
congr (_ + _); rewrite addKB dotC dot_adj trmxK dotE; apply: eq_bigr => i _.
by rewrite mxE dotE; congr (_ * _); apply: eq_bigr => k _; rewrite !mxE mulrC.
Qed.

(* statement: prp-kernel-expansion "at the training inputs" *)
Theorem prp_kernel_expansion_training (a : 'cV_n) : lin J f0 w0 (w0 + J^T *m a) = f0 + gram J *m a.
Proof. by rewrite /lin addKB mulmxA. Qed.

(* statement: prp-kernel-expansion "the distance traveled" *)
Theorem prp_kernel_expansion_distance (a : 'cV_n) : sq (w0 + J^T *m a - w0) = dot a (gram J *m a).
Proof. by rewrite addKB dot_gram. Qed.

(* statement: cor-unseen "the squared distance h(x)^2, from the kernel" *)
Theorem cor_unseen (g : 'cV[R]_p) :
  sq ((1%:M - proj J) *m g) = sq g - dot (J *m g) (pinv (gram J) *m (J *m g)).
Proof.
have QQ : (1%:M - proj J) *m (1%:M - proj J) = 1%:M - proj J.
  by rewrite mulmxBl mul1mx mulmxBr mulmx1 proj_idem subrr subr0.
rewrite {1}/sq dot_adj projCT mulmxA QQ mulmxBl mul1mx dotBr; congr (_ - _).
by rewrite [RHS]dot_adj mulmxA mulT_pinv_gram mulmxA.
Qed.
End Kernel.

(** The network itself, for a smooth activation: that |sigma''| <= beta enters through Taylor's
    inequality. *)
Section SpanNetwork.
Variable R : rcfType.
Variables (sigma dsigma : R -> R) (eps beta : R) (n m d : nat) (a : 'I_m -> R).
Variables (W0 : 'M[R]_(m, d)) (X : 'M[R]_(n, d)).
Hypothesis eps_ge0 : 0 <= eps.
Hypothesis signs : forall j, `|a j| = 1.
Hypothesis taylor : forall z h, `|sigma (z + h) - sigma z - dsigma z * h| <= beta / 2 * h ^+ 2.
Local Notation F := (net sigma eps a).
Local Notation F0 := (net0 sigma dsigma eps a W0).
Local Notation J := (jac dsigma eps a W0 X).

(* Taylor's inequality, summed over the neurons *)
Lemma network_gap W x :
  `|F W x - F0 x W| <= eps * beta * sq x / (2 * Num.sqrt m%:R) * sq (vec W - vec W0).
Proof.
have scale0 : 0 <= eps / Num.sqrt m%:R by rewrite divr_ge0 ?sqrtr_ge0.
have beta0 : 0 <= beta / 2.
  by have := le_trans (normr_ge0 _) (taylor 0 1); rewrite expr1n mulr1.
have -> : eps * beta * sq x / (2 * Num.sqrt m%:R) * sq (vec W - vec W0) =
    eps / Num.sqrt m%:R * (\sum_j (beta / 2 * (sq x * sq (row j (W - W0))^T))).
  rewrite -mulr_sumr -mulr_sumr vecB sq_vec invfM; move: (2^-1) (Num.sqrt _)^-1 (\sum_j _) => half s t.
  by ring.
rewrite gapE normrM (ger0_norm scale0); apply: ler_wpmul2l => //.
apply: le_trans (ler_norm_sum _ _ _) _; apply: ler_sum => j _.
rewrite normrM signs mul1r (mulB W W0).
apply: le_trans (taylor _ _) _; apply: ler_wpmul2l => //.
by rewrite mul_row [leRHS]mulrC; exact: cauchy_schwarz_sq.
Qed.

(* statement: prp-span-network (in part) "the network itself at w and w-hat" *)
(* difference: that |sigma''| <= beta enters through Taylor's inequality
   |sigma(z + h) - sigma(z) - sigma'(z) h| <= beta h^2 / 2. Wh has the weights of w-hat. The
   example is not part of it. *)
Theorem prp_span_network W Wh i (x := (row i X)^T) : vec Wh = hat J (vec W0) (vec W) ->
  `|F W x - F Wh x| <=
  eps * beta * sq x / (2 * Num.sqrt m%:R) * (sq (vec W - vec W0) + sq (vec Wh - vec W0)).
Proof.
move=> WhE.
(* By prp-span the linearization has the same values at w and w-hat. *)
have same : F0 x Wh = F0 x W.
  have := prp_span_1 J (\col_l F W0 (row l X)^T) (vec W0) (vec W).
  by rewrite -WhE -!prp_affine_2_all => /colP/(_ i); rewrite !mxE.
have -> : F W x - F Wh x = (F W x - F0 x W) - (F Wh x - F0 x Wh).
  by rewrite same opprB addrA subrK.
rewrite mulrDr; apply: le_trans (ler_norm_sub _ _) _.
by apply: ler_add; exact: network_gap.
Qed.
End SpanNetwork.
