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

(** The wedge: directions (cos phi, sin phi), with phi in (-pi, pi], and x at the angle 0, x' at the
    angle theta. The gates are open where cos phi >= 0 and cos (phi - theta) >= 0. *)
(* statement: lem-wedge (in part) "both gates are open on one arc, from theta - pi/2 to pi/2" *)
(* difference: its length is pi - theta, out of 2 pi; that the direction of a Gaussian vector of the
   plane is uniform on the circle is not part of it. *)
Theorem lem_wedge_arc theta phi : 0 <= theta < PI -> - PI < phi <= PI ->
  (0 <= cos phi /\ 0 <= cos (phi - theta)) <-> theta - PI / 2 <= phi <= PI / 2.
Proof.
intros th ph; assert (pi : 0 < PI) by exact PI_RGT_0; split.
- intros [open open'].
  (* Beyond a quarter turn the cosine is negative. *)
  assert (up : phi <= PI / 2).
  { destruct (Rle_lt_dec phi (PI / 2)) as [? | far]; [assumption |].
    assert (cos phi < 0) by (apply cos_lt_0; lra); lra. }
  assert (low : theta - phi <= PI / 2).
  { destruct (Rle_lt_dec (theta - phi) (PI / 2)) as [? | far]; [assumption |].
    assert (down : - (PI / 2) <= phi).
    { destruct (Rle_lt_dec (- (PI / 2)) phi) as [? | behind]; [assumption |].
      assert (cos (- phi) < 0) by (apply cos_lt_0; lra); rewrite cos_neg in *; lra. }
    assert (neg : cos (theta - phi) < 0) by (apply cos_lt_0; lra).
    replace (theta - phi) with (- (phi - theta)) in neg by ring; rewrite cos_neg in neg; lra. }
  lra.
- intros arc; split; apply cos_ge_0; lra.
Qed.

(* statement: lem-wedge (in part) "for theta = pi the two half circles meet in two points" *)
(* difference: as above. *)
Theorem lem_wedge_opposite phi : - PI < phi <= PI ->
  (0 <= cos phi /\ 0 <= cos (phi - PI)) <-> phi = PI / 2 \/ phi = - (PI / 2).
Proof.
intros ph; assert (pi : 0 < PI) by exact PI_RGT_0.
assert (minus : cos (phi - PI) = - cos phi).
{ replace (phi - PI) with (- (PI - phi)) by ring; rewrite cos_neg, Rtrigo_facts.cos_pi_minus; ring. }
rewrite minus; split.
- intros [open open']; assert (zero : cos phi = 0) by lra.
  (* Inside the half circle the cosine is positive, and beyond it negative. *)
  destruct (Rtotal_order phi (PI / 2)) as [less | [eq | more]]; [| left; assumption |].
  + destruct (Rtotal_order phi (- (PI / 2))) as [behind | [eq | inside]]; [| right; assumption |].
    * assert (cos (- phi) < 0) by (apply cos_lt_0; lra); rewrite cos_neg in *; lra.
    * assert (0 < cos phi) by (apply cos_gt_0; lra); lra.
  + assert (cos phi < 0) by (apply cos_lt_0; lra); lra.
- intros [-> | ->]; rewrite ?cos_neg, cos_PI2; lra.
Qed.
