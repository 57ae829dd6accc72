(** Chapter "relu_kernel", with Coq's real numbers: values of the kernel. *)
Require Import Reals Psatz.
Local Open Scope R_scope.

Definition kappa t := t * ((PI - acos t) / (2 * PI)).

(* statement: prp-relu-ntk (in part) "kappa at 1, 1/2, 0, -1/2 and -1" *)
Theorem prp_relu_ntk_values :
  kappa 1 = 1 / 2 /\ kappa (1 / 2) = 1 / 6 /\ kappa 0 = 0 /\ kappa (- (1 / 2)) = - (1 / 12) /\
  kappa (-1) = 0.
Proof.
assert (pi : 0 < PI) by exact PI_RGT_0.
(* The angles are 0, pi/3, pi/2, 2 pi/3 and pi. *)
assert (third : acos (1 / 2) = PI / 3) by (rewrite <- cos_PI3; apply acos_cos; lra).
unfold kappa; repeat split.
- rewrite acos_1; field; lra.
- rewrite third; field; lra.
- ring.
- rewrite acos_opp, third; field; lra.
- replace (-1) with (Ropp 1) by ring; rewrite acos_opp, acos_1; field; lra.
Qed.

(* statement: cor-general-norms (in part) "the two forms of the kernel agree" *)
(* difference: the kernel as a function of the norms r, r' and of the angle theta, with
   <x, x'> = r r' cos theta; both forms of the kernel agree. *)
Theorem cor_general_norms eps r r' theta : 0 <= theta <= PI ->
  eps ^ 2 * (r * r' * cos theta) * ((PI - theta) / (2 * PI)) = eps ^ 2 * (r * r') * kappa (cos theta).
Proof.
intros range; unfold kappa; rewrite acos_cos by assumption.
field; assert (0 < PI) by exact PI_RGT_0; lra.
Qed.
