(** Chapter "relu_kernel": predictions from one inverse, and the points of lift and bias. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra linearization.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* statement: prp-held-out "held-out predictions from one inverse" *)
(* difference: after a permutation the points H are the first h; any field, K and the blocks K_TT
   and G_HH invertible, as they are if K is positive definite. The interpolation of least norm of
   the others has the coefficients K_TT^-1 Y_T. *)
Theorem prp_held_out (F : fieldType) h t k (K : 'M[F]_(h + t)) (YH : 'M[F]_(h, k)) (YT : 'M[F]_(t, k)) :
  let G := invmx K in let Y := col_mx YH YT in
  K \in unitmx -> drsubmx K \in unitmx -> ulsubmx G \in unitmx ->
  ursubmx K *m (invmx (drsubmx K) *m YT)
  = YH - invmx (ulsubmx G) *m usubmx (G *m Y).
Proof.
move=> G Y uK uT uG; have GK : G *m K = 1%:M by rewrite mulVmx.
clearbody G.
have ur : ulsubmx G *m ursubmx K + ursubmx G *m drsubmx K = 0.
  have := congr1 (@ursubmx _ _ _ _ _) GK.
  by rewrite -{1}(submxK G) -{1}(submxK K) mulmx_block block_mxKur => ->;
     rewrite (@scalar_mx_block _ h t) block_mxKur.
have KT : ursubmx K = - (invmx (ulsubmx G) *m ursubmx G *m drsubmx K).
  rewrite -[LHS](mulKmx uG); move/eqP: ur; rewrite addr_eq0 => /eqP->.
  by rewrite mulmxN !mulmxA.
have GY : usubmx (G *m Y) = ulsubmx G *m YH + ursubmx G *m YT.
  by rewrite -{1}(submxK G) mul_block_col col_mxKu.
by rewrite GY KT mulNmx mulmxA mulmxK // mulmxDr mulKmx // opprD addrA subrr sub0r !mulmxA.
Qed.

(** Points with one more coordinate: (x, h). *)
Section OneMore.
Variable R : rcfType.
Variable d : nat.
Implicit Types (x : 'cV[R]_d) (beta : R).
Definition with_coordinate x h : 'cV[R]_(d + 1) := col_mx x h%:M.
Definition lift x := with_coordinate x (Num.sqrt (1 - sq x)).

Lemma dot_with x x' h h' : dot (with_coordinate x h) (with_coordinate x' h') = dot x x' + h * h'.
Proof.
rewrite /dot /with_coordinate tr_col_mx mul_row_col mxE; congr (_ + _).
by rewrite tr_scalar_mx -scalar_mxM mxE eqxx.
Qed.

(* statement: prp-lift "lifted points are unit vectors" *)
Theorem prp_lift x : sq x <= 1 -> sq (lift x) = 1.
Proof.
move=> x1; rewrite /sq dot_with -expr2 sqr_sqrtr ?subr_ge0 //.
by rewrite addrC subrK.
Qed.

(* statement: prp-lift "their inner product" *)
Theorem prp_lift_dot x x' : sq x <= 1 ->
  dot (lift x) (lift x') = dot x x' + Num.sqrt ((1 - sq x) * (1 - sq x')).
Proof. by move=> x1; rewrite dot_with sqrtrM // subr_ge0. Qed.

(* statement: prp-lift (2) "on the unit sphere the lift changes nothing" *)
Theorem prp_lift_2 x x' : sq x = 1 -> dot (lift x) (lift x') = dot x x'.
Proof. by move=> x1; rewrite prp_lift_dot x1 // subrr mul0r sqrtr0 addr0. Qed.

(* statement: prp-lift (3) "distinct points have distinct lifts" *)
Theorem prp_lift_3 x x' : lift x = lift x' -> x = x'.
Proof. by move=> /eq_col_mx[]. Qed.

(* statement: prp-lift (3) "lifts are opposite only on the sphere" *)
Theorem prp_lift_3_opposite x x' :
  sq x <= 1 -> sq x' <= 1 -> lift x' = - lift x -> sq x = 1 /\ x' = - x.
Proof.
move=> x1 x1'; rewrite /lift /with_coordinate opp_col_mx => /eq_col_mx[-> h].
split=> //; move: h => /matrixP/(_ 0 0); rewrite !mxE eqxx !mulr1n => h.
(* Both last coordinates are at least zero, and one is minus the other. *)
have s0 : Num.sqrt (1 - sq x) <= 0 by rewrite -oppr_ge0 -h sqrtr_ge0.
have : Num.sqrt (1 - sq x) == 0 by rewrite eq_le s0 sqrtr_ge0.
by rewrite sqrtr_eq0 subr_le0 => x1''; apply/eqP; rewrite eq_le x1 x1''.
Qed.

(* statement: prp-bias "norms and inner products of the points (x, beta)" *)
Theorem prp_bias_dot x x' beta :
  dot (with_coordinate x beta) (with_coordinate x' beta) = dot x x' + beta ^+ 2.
Proof. by rewrite dot_with expr2. Qed.

(* statement: prp-bias (2) "no two distinct points become parallel" *)
Theorem prp_bias_2 x x' beta c : beta != 0 ->
  with_coordinate x' beta = c *: with_coordinate x beta -> x' = x.
Proof.
move=> b0; rewrite /with_coordinate scale_col_mx => /eq_col_mx[-> h].
move: h => /matrixP/(_ 0 0); rewrite !mxE eqxx !mulr1n => /eqP.
rewrite -subr_eq0 -{1}(mul1r beta) -mulrBl mulf_eq0 (negPf b0) orbF subr_eq0.
by move=> /eqP <-; rewrite scale1r.
Qed.
End OneMore.

(* statement: lem-homogeneous (in part) "gates do not see positive factors" *)
(* difference: under any law on finitely many v; P[A] is the mean of the indicator. *)
Theorem lem_homogeneous (R : rcfType) d (I : finType) (P : I -> R) (v : I -> 'cV[R]_d) x x' c c' :
  0 < c -> 0 < c' ->
  mean P (fun i => drelu (dot (v i) (c *: x)) * drelu (dot (v i) (c' *: x'))) =
  mean P (fun i => drelu (dot (v i) x) * drelu (dot (v i) x')).
Proof.
move=> c0 c0'; apply: eq_bigr => i _.
by rewrite !dotZr !drelu_scale.
Qed.

(* statement: lem-homogeneous (in part) "the mean of the product of gates is the probability that both are open" *)
(* difference: as above. *)
Theorem lem_homogeneous_probability (R : rcfType) d (I : finType) (P : I -> R) (v : I -> 'cV[R]_d) x x' :
  mean P (fun i => drelu (dot (v i) x) * drelu (dot (v i) x')) =
  \sum_(i | (0 <= dot (v i) x) && (0 <= dot (v i) x')) P i.
Proof.
rewrite [RHS]big_mkcond; apply: eq_bigr => i _; rewrite /drelu -natrM mulnb.
by case: (_ && _); rewrite ?mulr1 ?mulr0.
Qed.
