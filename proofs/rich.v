(** Chapter "rich": the dial, and layers that stay balanced. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra averages span least_squares.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* statement: prp-dial (1) "the loss is that of F with the target y / alpha" *)
Theorem prp_dial_1 (R : realFieldType) n (f y : 'cV[R]_n) alpha : alpha != 0 ->
  1 / (2 * alpha ^+ 2) * sq (alpha *: f - y) = 2^-1 * sq (f - alpha^-1 *: y).
Proof.
move=> a0; have -> : alpha *: f - y = alpha *: (f - alpha^-1 *: y).
  by rewrite scalerBr scalerA mulfV // scale1r.
have -> : sq (alpha *: (f - alpha^-1 *: y)) = alpha ^+ 2 * sq (f - alpha^-1 *: y).
  by rewrite /sq dotZl dotZr mulrA -expr2.
move: (sq _) => s; by field.
Qed.

(* statement: prp-dial (1) "descent makes the same steps with eta / alpha^2" *)
(* difference: the gradients of the two losses are alpha J^T (alpha f - y) and J^T (f - y / alpha). *)
Theorem prp_dial_1_steps (R : realFieldType) n p (J : 'M[R]_(n, p)) (f y : 'cV[R]_n) alpha eta :
  alpha != 0 ->
  (eta / alpha ^+ 2) *: (alpha *: (J^T *m (alpha *: f - y))) =
  eta *: (J^T *m (f - alpha^-1 *: y)).
Proof.
move=> a0; have -> : alpha *: f - y = alpha *: (f - alpha^-1 *: y).
  by rewrite scalerBr scalerA mulfV // scale1r.
rewrite -scalemxAr !scalerA; congr (_ *: _).
by field.
Qed.

(* statement: prp-dial (2) "alpha F with the scale eps is F with the scale alpha eps" *)
Theorem prp_dial_2 (R : rcfType) (sigma : R -> R) eps alpha m d (a : 'I_m -> R)
    (W : 'M[R]_(m, d)) x :
  alpha * net sigma eps a W x = net sigma (alpha * eps) a W x.
Proof. by rewrite /net !mulrA. Qed.

(** One neuron with the outer weight a, the inner weights w and the derivatives a' and w', where
    f(x) = kappa sum_j a_j sigma(w_j^T x), sigma(z) = g z with the slope g of the side of z. *)
Section Balance.
Variable R : realFieldType.
Variables (n d : nat) (kappa a : R) (w : 'cV[R]_d).
Variables (rho g : 'I_n -> R) (x : 'I_n -> 'cV[R]_d).
Let a' := kappa * \sum_i rho i * (g i * dot w (x i)).
Let w' := (kappa * a) *: \sum_i (rho i * g i) *: x i.

(** Both derivatives carry the same weight, because sigma(z) = g z. *)
Lemma balance : a * a' = dot w w'.
Proof.
have sumE : dot w (\sum_i (rho i * g i) *: x i) = \sum_i rho i * (g i * dot w (x i)).
  rewrite /dot mulmx_sumr summxE; apply: eq_bigr => i _.
  by rewrite -scalemxAr mxE mulrA.
by rewrite /w' dotZr sumE /a' mulrA [a * kappa]mulrC.
Qed.

(* statement: thm-balance (1 in part) "the derivative of a^2 - |w|^2 is zero" *)
(* difference: the derivative 2 a a' - 2 <w, w'> is written out; that an absolutely continuous
   function with the derivative zero almost everywhere is constant is not part of it. *)
Theorem thm_balance_1 : 2 * (a * a') - 2 * dot w w' = 0.
Proof. by rewrite balance subrr. Qed.

(* statement: thm-balance (3) "in a step of descent the difference changes by eta^2 (a'^2 - |w'|^2)" *)
Theorem thm_balance_3 eta :
  (a + eta * a') ^+ 2 - sq (w + eta *: w') = a ^+ 2 - sq w + eta ^+ 2 * (a' ^+ 2 - sq w').
Proof.
have sqE : sq (w + eta *: w') = sq w + 2 * (eta * dot w w') + eta ^+ 2 * sq w'.
  by rewrite sqD dotZr /sq dotZl dotZr; move: (dot w w') (dot w' w') (dot w w) => u v s; ring.
rewrite sqE -balance; move: a' (sq w) (sq w') => b u v.
by ring.
Qed.
End Balance.

Section DialFar.
Variable R : rcfType.
(* statement: prp-dial-far "turned down, the weights must travel" *)
(* difference: that |F(X; w)| <= eps L sqrt(s) |w - w0| (sigma is Lipschitz, F(X; w0) = 0) is the
   hypothesis, with C = eps L sqrt(s). *)
Theorem prp_dial_far n p (f y : 'cV[R]_n) (w w0 : 'cV[R]_p) alpha q C :
  0 < alpha -> 0 < C -> norm f <= C * norm (w - w0) ->
  norm (alpha *: f - y) <= q * norm y ->
  (1 - q) * norm y / (alpha * C) <= norm (w - w0).
Proof.
move=> a0 C0 lip near.
have aC : 0 < alpha * C by rewrite mulr_gt0.
rewrite ler_pdivr_mulr // mulrC mulrBr mulr1 ler_subl_addr.
(* |y| <= |alpha f| + |alpha f - y| *)
apply: le_trans (_ : norm (alpha *: f) + norm (alpha *: f - y) <= _).
  by rewrite -[norm (_ - _)]normN opprB -{1}(subrK (alpha *: f) y) addrC norm_triangle.
apply: ler_add; last by rewrite mulrC.
by rewrite normZ gtr0_norm // mulrCA ler_pmul2l // mulrC.
Qed.
End DialFar.
