(** Chapter "linearization", with the analysis of Coq's real numbers (Coquelicot): the gap along a
    ray. *)
Require Import Reals Psatz.
From Coquelicot Require Import Coquelicot.
Local Open Scope R_scope.

(** Taylor to the second order, with a bound on the third derivative. *)
Section Ray.
Variables (sigma : R -> R) (gamma : R).
Hypothesis smooth : forall k t, (k <= 3)%nat -> ex_derive_n sigma k t.
Hypothesis bound : forall t, Rabs (Derive_n sigma 3 t) <= gamma.

Lemma taylor_right z h : 0 < h ->
  Rabs (sigma (z + h) - sigma z - Derive_n sigma 1 z * h - Derive_n sigma 2 z / 2 * h ^ 2)
  <= gamma / 6 * h ^ 3.
Proof.
intros h0; destruct (Taylor_Lagrange sigma 2 z (z + h)) as [t [_ ->]].
- lra.
- intros; apply smooth; assumption.
- simpl sum_f_R0; replace (z + h - z) with h by ring; simpl fact; simpl INR.
  match goal with |- Rabs ?e <= _ =>
    replace e with (h ^ 3 / 6 * Derive_n sigma 3 t) by (simpl; field) end.
  assert (h3 : 0 < h ^ 3) by (apply pow_lt; lra).
  rewrite Rabs_mult, (Rabs_pos_eq (h ^ 3 / 6)) by lra.
  specialize (bound t); nra.
Qed.
End Ray.

Lemma taylor3 sigma gamma :
  (forall k t, (k <= 3)%nat -> ex_derive_n sigma k t) ->
  (forall t, Rabs (Derive_n sigma 3 t) <= gamma) -> forall z h,
  Rabs (sigma (z + h) - sigma z - Derive_n sigma 1 z * h - Derive_n sigma 2 z / 2 * h ^ 2)
  <= gamma / 6 * Rabs h ^ 3.
Proof.
intros smooth bound z h; destruct (total_order_T 0 h) as [[h0 | <-] | h0].
- rewrite (Rabs_pos_eq h) by lra; apply taylor_right; assumption.
- rewrite Rplus_0_r, Rabs_R0.
  match goal with |- Rabs ?e <= _ => replace e with 0 by (simpl; ring) end.
  rewrite Rabs_R0; simpl; lra.
- (* A negative h: reflect sigma. *)
  pose (s := fun t => sigma (- t)).
  assert (sm : forall k t, (k <= 3)%nat -> ex_derive_n s k t).
  { intros k t k3; apply ex_derive_n_comp_opp; exists (mkposreal 1 Rlt_0_1); intros; apply smooth; lia. }
  assert (D : forall k t, (k <= 3)%nat -> Derive_n s k t = (-1) ^ k * Derive_n sigma k (- t)).
  { intros k t k3; apply Derive_n_comp_opp; exists (mkposreal 1 Rlt_0_1); intros; apply smooth; lia. }
  assert (bd : forall t, Rabs (Derive_n s 3 t) <= gamma).
  { intros t; rewrite D, Rabs_mult by lia; replace (Rabs ((-1) ^ 3)) with 1; [rewrite Rmult_1_l; apply bound |].
    simpl; rewrite Rabs_left; lra. }
  assert (T := taylor_right s gamma sm bd (- z) (- h) ltac:(lra)).
  rewrite !D in T by lia; unfold s in T; rewrite (Rabs_left h) by lra.
  replace (- (- z + - h)) with (z + h) in T by ring; rewrite Ropp_involutive in T.
  match type of T with Rabs ?e <= _ => match goal with |- Rabs ?e' <= _ =>
    replace e' with e by (simpl; field) end end; exact T.
Qed.

(** The network: neurons with the positions z j and the speeds v j, and c = eps / sqrt m. *)
(* statement: prp-ray (1) "the gap along a ray is c_2 s^2, up to c_3 |s|^3" *)
(* difference: Coq's real numbers; the neurons are numbered from 0 to m; the derivatives of sigma up
   to the third exist everywhere. *)
Theorem prp_ray_1 sigma gamma m (a z v : nat -> R) c s :
  (forall k t, (k <= 3)%nat -> ex_derive_n sigma k t) ->
  (forall t, Rabs (Derive_n sigma 3 t) <= gamma) ->
  (forall j, Rabs (a j) = 1) -> 0 <= c ->
  let F u := c * sum_n (fun j => a j * sigma (z j + u * v j)) m in
  let F0 u := c * sum_n (fun j => a j * (sigma (z j) + Derive sigma (z j) * (u * v j))) m in
  let c2 := c / 2 * sum_n (fun j => a j * Derive_n sigma 2 (z j) * v j ^ 2) m in
  let c3 := c * gamma / 6 * sum_n (fun j => Rabs (v j) ^ 3) m in
  Rabs (F s - F0 s - c2 * s ^ 2) <= c3 * Rabs s ^ 3.
Proof.
intros smooth bound a1 c0 F F0 c2 c3.
pose (e := fun j => a j * (sigma (z j + s * v j) - sigma (z j)
  - Derive_n sigma 1 (z j) * (s * v j) - Derive_n sigma 2 (z j) / 2 * (s * v j) ^ 2)).
assert (E : F s - F0 s - c2 * s ^ 2 = c * sum_n e m).
{ unfold F, F0, c2, e; clear c3; induction m as [|m IH].
  - rewrite !sum_O; change (Derive_n sigma 1 (z 0%nat)) with (Derive sigma (z 0%nat)); field.
  - rewrite !sum_Sn; unfold plus; simpl plus in *.
    change (Derive_n sigma 1) with (Derive sigma) in *; simpl; simpl in IH. lra. }
assert (B : Rabs (sum_n e m) <= sum_n (fun j => gamma / 6 * (Rabs (v j) ^ 3 * Rabs s ^ 3)) m).
{ clear E; induction m as [|m IH].
  - rewrite !sum_O; unfold e; rewrite Rabs_mult, a1, Rmult_1_l.
    eapply Rle_trans; [apply taylor3; eassumption |].
    rewrite Rabs_mult, Rpow_mult_distr; right; ring.
  - rewrite !sum_Sn; unfold plus; simpl.
    eapply Rle_trans; [apply Rabs_triang |]; apply Rplus_le_compat; [exact IH |].
    unfold e; rewrite Rabs_mult, a1, Rmult_1_l.
    eapply Rle_trans; [apply taylor3; eassumption |].
    rewrite Rabs_mult, Rpow_mult_distr; right; simpl; ring. }
rewrite E, Rabs_mult, (Rabs_pos_eq c) by assumption.
eapply Rle_trans; [apply Rmult_le_compat_l; [assumption | exact B] |].
right; unfold c3; clear; induction m as [|m IH].
- rewrite !sum_O; simpl; field.
- rewrite !sum_Sn; unfold plus; simpl; simpl in IH; lra.
Qed.

(** The ReLU along a ray. *)
Definition relu z := Rmax 0 z.
Definition gate z := if Rle_dec 0 z then 1 else 0.

(** One neuron: a gap only behind the flip at - z / v. *)
Lemma ray_neuron z v s : z <> 0 -> 0 <= s ->
  relu (z + s * v) - relu z - gate z * (s * v) =
  if Rlt_dec (z * v) 0 then Rabs v * Rmax 0 (s - - z / v) else 0.
Proof.
intros z0 s0; unfold relu, gate.
destruct (Rlt_dec (z * v) 0) as [flip | stay].
- assert (v0 : v <> 0) by (intros ->; lra).
  assert (e : s - - z / v = (s * v + z) / v) by (field; assumption).
  rewrite e; destruct (Rle_dec 0 z) as [pos | neg].
  + (* z > 0 and v < 0 *)
    assert (vneg : v < 0) by nra.
    rewrite (Rabs_left v) by assumption; rewrite (Rmax_right 0 z) by assumption.
    destruct (Rle_lt_dec 0 (z + s * v)) as [on | off].
    * rewrite (Rmax_right 0 (z + s * v)) by assumption.
      rewrite Rmax_left; [ring |].
      unfold Rdiv; assert (/ v < 0) by (apply Rinv_lt_0_compat; assumption); nra.
    * rewrite (Rmax_left 0 (z + s * v)) by lra.
      rewrite Rmax_right; [field; assumption |].
      unfold Rdiv; assert (/ v < 0) by (apply Rinv_lt_0_compat; assumption); nra.
  + (* z < 0 and v > 0 *)
    assert (vpos : 0 < v) by nra.
    rewrite (Rabs_pos_eq v) by lra; rewrite (Rmax_left 0 z) by lra.
    assert (0 < / v) by (apply Rinv_0_lt_compat; assumption).
    destruct (Rle_lt_dec 0 (z + s * v)) as [on | off].
    * rewrite (Rmax_right 0 (z + s * v)) by assumption.
      rewrite Rmax_right; [field; assumption |].
      unfold Rdiv; nra.
    * rewrite (Rmax_left 0 (z + s * v)) by lra.
      rewrite Rmax_left; [ring |].
      unfold Rdiv; nra.
- destruct (Rle_dec 0 z) as [pos | neg].
  + assert (0 <= v) by nra.
    rewrite !Rmax_right by nra; ring.
  + assert (v <= 0) by nra.
    rewrite !Rmax_left by nra; ring.
Qed.

(* statement: prp-ray (2) "the gap of a ReLU network: a sum over the neurons that flip" *)
(* difference: Coq's real numbers; the neurons are numbered from 0 to m, and the sum is over all of
   them, with zero where z_j v_j is not negative. *)
Theorem prp_ray_2 m (a z v : nat -> R) c s :
  (forall j, z j <> 0) -> 0 <= s ->
  c * sum_n (fun j => a j * relu (z j + s * v j)) m
  - c * sum_n (fun j => a j * (relu (z j) + gate (z j) * (s * v j))) m =
  c * sum_n (fun j => a j *
    (if Rlt_dec (z j * v j) 0 then Rabs (v j) * Rmax 0 (s - - z j / v j) else 0)) m.
Proof.
intros z0 s0; induction m as [|m IH].
- rewrite !sum_O, <- (ray_neuron (z 0%nat) (v 0%nat) s) by auto; ring.
- rewrite !sum_Sn; unfold plus; simpl.
  rewrite <- (ray_neuron (z (S m)) (v (S m)) s) by auto.
  rewrite !Rmult_plus_distr_l, <- IH; ring.
Qed.
