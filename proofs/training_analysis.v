(** Chapter "training", with Coq's real numbers: the constants of stopping early. *)
Require Import Reals Psatz.
From Interval Require Import Tactic.
From Coquelicot Require Import Coquelicot.
Local Open Scope R_scope.

(** What the flow has moved of a coordinate, over what ridge has: with s = lambda t and nu = 1/t
    this is (1 - e^-s) / (s / (1 + s)). *)
Definition share s := (1 - exp (- s)) * (1 + s) / s.

(* statement: prp-early-stopping "e^s = 1 + s + s^2 has a root in [1.7932, 1.7933]" *)
Theorem prp_early_stopping_root :
  exists s, 1.7932 <= s <= 1.7933 /\ exp s = 1 + s + s ^ 2.
Proof.
(* The difference changes its sign. *)
pose (f := fun s => exp s - (1 + s + s ^ 2)).
destruct (IVT_gen f 1.7932 1.7933 0) as [s [range root]].
- intros s; unfold f; apply derivable_continuous_pt.
  apply ex_derive_Reals_0; auto_derive; trivial.
- unfold f; split.
  + apply Rle_trans with (exp 1.7932 - (1 + 1.7932 + 1.7932 ^ 2)); [apply Rmin_l | interval with (i_prec 40)].
  + apply Rle_trans with (exp 1.7933 - (1 + 1.7933 + 1.7933 ^ 2)); [interval with (i_prec 40) | apply Rmax_r].
- rewrite Rmin_left, Rmax_right in range by lra.
  exists s; split; [exact range |].
  unfold f in root; lra.
Qed.

(* statement: prp-early-stopping "c_* = 1 + s/(1 + s + s^2) is between 1.2984 and 1.2985" *)
(* difference: for every root in the interval of the statement before. *)
Theorem prp_early_stopping_constant s : 1.7932 <= s <= 1.7933 ->
  1.2984 <= 1 + s / (1 + s + s ^ 2) <= 1.2985.
Proof. intros range; split; interval with (i_prec 40). Qed.

(* statement: prp-early-stopping (1 in part) "the flow moves a coordinate by at least as much as ridge" *)
Theorem prp_early_stopping_1_lower s : 0 < s -> 1 <= share s.
Proof.
intros s0; unfold share.
(* e^s >= 1 + s, so 1 - e^-s >= s / (1 + s). *)
assert (le : 1 + s <= exp s) by (left; apply exp_ineq1; lra).
assert (inv : exp (- s) <= / (1 + s)).
{ rewrite exp_Ropp; apply Rinv_le_contravar; lra. }
apply Rmult_le_reg_r with s; [assumption |].
replace ((1 - exp (- s)) * (1 + s) / s * s) with ((1 - exp (- s)) * (1 + s)) by (field; lra).
assert (one : / (1 + s) * (1 + s) = 1) by (field; lra).
nra.
Qed.

(* statement: prp-early-stopping (1 in part) "and by at most 1.2985 times as much" *)
(* difference: 1.2985 in place of c_* = 1.2984... *)
Theorem prp_early_stopping_1_upper s : 0 < s -> share s <= 1.2985.
Proof.
intros s0; unfold share.
destruct (Rle_lt_dec s 0.2) as [small | large].
- (* For small s, 1 - e^-s <= s, and 1 + s is below the bound. *)
  assert (le : 1 - exp (- s) <= s).
  { assert (1 + - s <= exp (- s)); [| lra].
    destruct (Req_dec (- s) 0); [lra |]; left; apply exp_ineq1; assumption. }
  apply Rmult_le_reg_r with s; [assumption |].
  replace ((1 - exp (- s)) * (1 + s) / s * s) with ((1 - exp (- s)) * (1 + s)) by (field; lra).
  nra.
- destruct (Rle_lt_dec s 4) as [middle | tail].
  + (* On a compact range, by interval arithmetic. *)
    interval with (i_bisect s, i_taylor s, i_depth 30, i_prec 40).
  + (* For large s, 1 - e^-s < 1, and (1 + s)/s <= 5/4. *)
    assert (0 < exp (- s)) by apply exp_pos.
    apply Rmult_le_reg_r with s; [assumption |].
    replace ((1 - exp (- s)) * (1 + s) / s * s) with ((1 - exp (- s)) * (1 + s)) by (field; lra).
    nra.
Qed.

(** What descent has moved of a coordinate after t steps, over what ridge has: with a = eta lambda
    and nu = 1 / (eta t). *)
Definition share_descent a t := (1 - (1 - a) ^ t) * (1 + a * INR t) / (a * INR t).

(* statement: prp-early-stopping (5 in part) "descent moves a coordinate by at least as much as ridge, and at most twice" *)
(* difference: coordinate by coordinate; that bounds for all coordinates are bounds for norms is not
   part of it. *)
Theorem prp_early_stopping_5 a t : 0 < a <= 1 -> (1 <= t)%nat -> 1 <= share_descent a t <= 2.
Proof.
intros [a0 a1] t1; unfold share_descent.
(* Bernoulli's inequality, for 1 - a and for 1 + a. *)
assert (power : 0 <= (1 - a) ^ t) by (apply pow_le; lra).
assert (below : (1 - a) ^ t * (1 + a * INR t) <= 1).
{ clear t1 power; induction t as [|t IH]; [simpl; lra |].
  assert (0 <= (1 - a) ^ t) by (apply pow_le; lra).
  assert (0 <= INR t) by apply pos_INR.
  rewrite S_INR; simpl.
  assert ((1 - a) * (1 + a * (INR t + 1)) <= 1 + a * INR t) by nra.
  nra. }
assert (above : 1 - a * INR t <= (1 - a) ^ t).
{ clear t1 power below; induction t as [|t IH]; [simpl; lra |].
  assert (0 <= INR t) by apply pos_INR.
  rewrite S_INR; simpl; nra. }
assert (steps : 1 <= INR t) by (apply (le_INR 1); assumption).
set (z := a * INR t) in *; assert (z0 : 0 < z) by (unfold z; nra).
set (b := (1 - a) ^ t) in *.
split; apply Rmult_le_reg_r with z; try assumption;
  replace ((1 - b) * (1 + z) / z * z) with ((1 - b) * (1 + z)) by (field; lra).
- lra.
- (* The share that is moved is at most one, and at most z. *)
  destruct (Rle_lt_dec z 1); nra.
Qed.

(* statement: prp-early-stopping (5 in part) "at eta lambda = 1 and t = 1 it is twice as much" *)
Theorem prp_early_stopping_5_best : share_descent 1 1 = 2.
Proof. unfold share_descent; simpl; field. Qed.
