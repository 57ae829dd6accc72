(** Chapter "linearization": the network and its linearization. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Network.
Variable R : rcfType.
Variables (sigma dsigma : R -> R) (eps : R) (n m d : nat).
Variables (a : 'I_m -> R) (W0 : 'M[R]_(m, d)) (X : 'M[R]_(n, d)).
Implicit Types (W : 'M[R]_(m, d)) (x : 'cV[R]_d) (s : R).
Local Notation F := (net sigma eps a).
Local Notation F0 := (net0 sigma dsigma eps a W0).
Local Notation J := (jac dsigma eps a W0 X).
Local Notation scale := (eps / Num.sqrt m%:R).

(** The linearization, written as a sum over the neurons. *)
Lemma net0E x W :
  F0 x W = F W0 x + scale * \sum_j a j * dsigma ((W0 *m x) j 0) * ((W - W0) *m x) j 0.
Proof. by rewrite /net0 vecB dot_grad. Qed.

(* statement: prp-affine (1) "the linearization is affine in the weights" *)
Theorem prp_affine_1 x W W' s :
  F0 x ((1 - s) *: W + s *: W') = (1 - s) * F0 x W + s * F0 x W'.
Proof.
pose g := grad dsigma eps a W0 x.
(* The inner product with the gradient is linear; constants have the weights 1 - s and s. *)
have vecD : vec ((1 - s) *: W + s *: W') = (1 - s) *: vec W + s *: vec W'.
  by rewrite /vec !linearD /= !linearZ.
rewrite /net0 vecD -/g !dotBr dotDr !dotZr.
by ring.
Qed.

(* statement: prp-affine (2) "at the initial weights the linearization is the network" *)
Theorem prp_affine_2_start x : F0 x W0 = F W0 x.
Proof. by rewrite /net0 subrr dot0r addr0. Qed.

(* statement: prp-affine (2) "all inputs at once: F(X; w0) + J (w - w0)" *)
Theorem prp_affine_2_all W :
  \col_i F0 (row i X)^T W = lin J (\col_i F W0 (row i X)^T) (vec W0) (vec W).
Proof.
apply/colP => i; rewrite [LHS]mxE [RHS]mxE /net0; congr (_ + _); first by rewrite mxE.
by rewrite dotE mxE; apply: eq_bigr => k _; rewrite !mxE.
Qed.
End Network.

(** The gap between the network and its linearization, neuron by neuron. *)
Section Gap.
Variable R : rcfType.
Variables (sigma dsigma : R -> R) (eps : R) (m d : nat) (a : 'I_m -> R).
Implicit Types (W : 'M[R]_(m, d)) (x : 'cV[R]_d).

Lemma sq_vec W : sq (vec W) = \sum_j sq (row j W)^T.
Proof.
rewrite /sq dot_vec; apply: eq_bigr => j _; rewrite dotE.
by apply: eq_bigr => k _; rewrite !mxE.
Qed.

Lemma mul_row W x j : (W *m x) j 0 = dot (row j W)^T x.
Proof. by rewrite /dot trmxK -row_mul [RHS]mxE. Qed.

Lemma mulB W W0 x j : (W *m x) j 0 = (W0 *m x) j 0 + ((W - W0) *m x) j 0.
Proof. by rewrite mulmxBl [X in _ + X]mxE [(- _ : 'cV_m) j 0]mxE addrC subrK. Qed.

Lemma gapE W W0 x : net sigma eps a W x - net0 sigma dsigma eps a W0 x W = eps / Num.sqrt m%:R *
  \sum_j a j * (sigma ((W *m x) j 0) - sigma ((W0 *m x) j 0)
                - dsigma ((W0 *m x) j 0) * ((W - W0) *m x) j 0).
Proof.
rewrite net0E /net opprD addrA -mulrBr -sumrB -mulrBr.
rewrite -!sumrB; congr (_ * _).
by apply: eq_bigr => j _; rewrite !mulrBr mulrA.
Qed.

End Gap.

Section Homogeneity.
Variable R : rcfType.
Variables (eps : R) (m d : nat) (a : 'I_m -> R).
Implicit Types (W : 'M[R]_(m, d)) (x : 'cV[R]_d).

(* statement: prp-homogeneity "Euler's identity for the network" *)
(* difference: that sigma is homogeneous of degree k enters through Euler's identity in one variable,
   sigma'(z) z = k sigma(z); for the ReLU it is proved below, the kink included. *)
Theorem prp_homogeneity_euler (sigma dsigma : R -> R) k W x :
  (forall z, dsigma z * z = k * sigma z) ->
  dot (grad dsigma eps a W x) (vec W) = k * net sigma eps a W x.
Proof.
move=> euler1; rewrite dot_grad /net mulrCA; congr (_ * _).
rewrite mulr_sumr; apply: eq_bigr => j _.
by rewrite -mulrA euler1 mulrCA.
Qed.

Lemma relu_euler (z : R) : drelu z * z = 1 * relu z.
Proof.
rewrite /relu /drelu mul1r; case: leP => [z0|z0]; first by rewrite mul1r.
by rewrite mul0r.
Qed.

Lemma relu_scale c (z : R) : 0 <= c -> relu (c * z) = c * relu z.
Proof. by move=> c0; rewrite /relu maxr_pmulr // mulr0. Qed.

Lemma drelu_scale c (z : R) : 0 < c -> drelu (c * z) = drelu z.
Proof. by move=> c0; rewrite /drelu pmulr_rge0. Qed.

Local Notation F := (net (@relu R) eps a).
Local Notation F0 W0 := (net0 (@relu R) (@drelu R) eps a W0).

(* statement: prp-homogeneity "the ReLU network is the inner product of gradient and weights" *)
Theorem prp_homogeneity_relu W x : F W x = dot (grad (@drelu R) eps a W x) (vec W).
Proof. by rewrite (prp_homogeneity_euler _ _ relu_euler) mul1r. Qed.

(* statement: prp-homogeneity "the linearization of a ReLU network is linear in the weights" *)
Theorem prp_homogeneity_linear W0 W x :
  F0 W0 x W = dot (grad (@drelu R) eps a W0 x) (vec W).
Proof. by rewrite /net0 prp_homogeneity_relu dotBr addrC subrK. Qed.

(* statement: prp-homogeneity "F_0(cx; w) = c F_0(x; w)" *)
Theorem prp_homogeneity_input c W0 W x : 0 < c -> F0 W0 (c *: x) W = c * F0 W0 x W.
Proof.
move=> c0; rewrite !prp_homogeneity_linear !dot_grad mulrCA; congr (_ * _).
rewrite mulr_sumr; apply: eq_bigr => j _.
rewrite -!scalemxAr [(c *: (W0 *m x)) j 0]mxE [(c *: (W *m x)) j 0]mxE drelu_scale //.
by rewrite mulrCA.
Qed.

(* statement: prp-homogeneity "F_0(x; c w0) = F(x; c w0)" *)
Theorem prp_homogeneity_weights c W0 x : 0 < c -> F0 W0 x (c *: W0) = F (c *: W0) x.
Proof.
move=> c0; rewrite prp_homogeneity_linear prp_homogeneity_relu !dot_grad.
congr (_ * _); apply: eq_bigr => j _.
by rewrite -scalemxAl [(c *: (W0 *m x)) j 0]mxE drelu_scale.
Qed.

(* statement: prp-jumps (1) "on inputs with one gate pattern the linearization is linear in x" *)
(* difference: no hypothesis on W0 is needed here. *)
Theorem prp_jumps_1 W0 W (g : 'I_m -> R) x :
  (forall j, drelu ((W0 *m x) j 0) = g j) ->
  F0 W0 x W = dot ((eps / Num.sqrt m%:R) *: \sum_j (a j * g j) *: (row j W)^T) x.
Proof.
move=> pattern; rewrite prp_homogeneity_linear dot_grad dotZl; congr (_ * _).
rewrite dotC dotE.
transitivity (\sum_j \sum_k a j * g j * (W j k * x k 0)).
  apply: eq_bigr => j _; rewrite pattern [(W *m x) j 0]mxE mulr_sumr.
  by [].
rewrite exchange_big /=; apply: eq_bigr => k _.
rewrite summxE mulr_sumr; apply: eq_bigr => j _.
by rewrite !mxE; ring.
Qed.
End Homogeneity.

(** Where the columns of one neuron are a multiple of X, the rank is at least that of X. *)
Lemma rank_of_a_block (F : fieldType) n m d (J : 'M[F]_(n, m * d)) (X : 'M[F]_(n, d)) j t :
  t != 0 -> (forall i k, J i (mxvec_index j k) = t * X i k) -> (\rank X <= \rank J)%N.
Proof.
move=> t0 block.
pose B : 'M[F]_(m * d, d) := \matrix_(q, k) (mxvec (delta_mx j k) 0 q / t).
suff JB : J *m B = X by rewrite -[X in (\rank X <= _)%N]JB mxrankM_maxl.
apply/matrixP => i k; rewrite mxE (reindex _ (curry_mxvec_bij _ _)) /=.
rewrite (bigD1 (j, k)) //= big1 => [|[j' k'] neq]; last first.
  rewrite [B _ _]mxE mxvecE [delta_mx _ _ _ _]mxE.
  suff -> : (j' == j) && (k' == k) = false by rewrite mul0r mulr0.
  by apply/negP => /andP[/eqP jj /eqP kk]; rewrite jj kk eqxx in neq.
rewrite addr0 block [B _ _]mxE mxvecE [delta_mx _ _ _ _]mxE !eqxx mul1r.
by rewrite mulrAC mulfV // mul1r.
Qed.

(** Linear for all weights. *)
Section LinearInX.
Variable R : rcfType.
Variables (sigma dsigma : R -> R) (eps : R) (n m d : nat).
Variables (a : 'I_m -> R) (X : 'M[R]_(n, d)).
Implicit Types (W : 'M[R]_(m, d)) (x : 'cV[R]_d).
Local Notation F := (net sigma eps a).
Local Notation scale := (eps / Num.sqrt m%:R).

Lemma dot_weights W x : dot (\sum_j a j *: (row j W)^T) x = \sum_j a j * (W *m x) j 0.
Proof.
rewrite dotC dotE.
transitivity (\sum_j \sum_k a j * (W j k * x k 0)); last first.
  by apply: eq_bigr => j _; rewrite mxE mulr_sumr.
rewrite exchange_big /=; apply: eq_bigr => k _.
rewrite summxE mulr_sumr; apply: eq_bigr => j _.
by rewrite !mxE; ring.
Qed.

(* statement: prp-linear-in-x (2) "the linearization at w0 = 0" *)
Theorem prp_linear_in_x_2 W x :
  net0 sigma dsigma eps a 0 x W =
  scale * (sigma 0 * (\sum_j a j) + dsigma 0 * dot (\sum_j a j *: (row j W)^T) x).
Proof.
rewrite net0E subr0 /net mul0mx -mulrDr.
congr (_ * _).
congr (_ + _).
  by rewrite mulr_sumr; apply: eq_bigr => j _; rewrite mxE mulrC.
rewrite dot_weights mulr_sumr; apply: eq_bigr => j _.
by rewrite [(0 : 'cV_m) j 0]mxE -mulrA mulrCA.
Qed.

(* statement: prp-linear-in-x (3) "an affine activation: the linearization is the network" *)
Theorem prp_linear_in_x_3 b c W0 W x :
  (forall z, sigma z = b + c * z) -> (forall z, dsigma z = c) ->
  net0 sigma dsigma eps a W0 x W = F W x /\
  F W x = scale * (b * (\sum_j a j) + c * dot (\sum_j a j *: (row j W)^T) x).
Proof.
move=> sigmaE dsigmaE.
have FE V : F V x = scale * (b * (\sum_j a j) + c * dot (\sum_j a j *: (row j V)^T) x).
  rewrite /net; congr (_ * _); rewrite dot_weights !mulr_sumr -big_split /=.
  by apply: eq_bigr => j _; rewrite sigmaE mulrDr mulrCA [a j * b]mulrC.
split=> //; rewrite net0E !FE -mulrDr; congr (_ * _).
rewrite -addrA; congr (_ + _); rewrite !dot_weights !mulr_sumr -big_split /=.
apply: eq_bigr => j _; rewrite dsigmaE.
have -> : ((W - W0) *m x) j 0 = (W *m x) j 0 - (W0 *m x) j 0.
  by rewrite mulmxBl !mxE.
move: ((W *m x) j 0) ((W0 *m x) j 0) (a j) => u u0 aj.
by ring.
Qed.

(** In both cases every neuron has the same slope c = sigma'(0) on every input. *)
Section Slope.
Variables (c : R) (W0 : 'M[R]_(m, d)).
Hypothesis slope : forall j i, dsigma ((W0 *m (row i X)^T) j 0) = c.
Local Notation J := (jac dsigma eps a W0 X).

(* statement: prp-linear-in-x (4) "row i of J" *)
Theorem prp_linear_in_x_4_row i :
  (row i J)^T = vec (\matrix_(j, k) (scale * c * (a j * X i k))).
Proof.
rewrite rowK trmxK /grad; congr vec; apply/matrixP => j k.
by rewrite [LHS]mxE slope !mxE; ring.
Qed.

(* statement: prp-linear-in-x (4) "J = 0 if c = 0" *)
Theorem prp_linear_in_x_4_zero : c = 0 -> J = 0.
Proof.
move=> c0; apply/row_matrixP => i; apply: trmx_inj.
rewrite prp_linear_in_x_4_row c0 row0 trmx0 mulr0.
have -> : \matrix_(j < m, k < d) (0 * (a j * X i k)) = 0.
  by apply/matrixP => j k; rewrite !mxE mul0r.
by rewrite /vec linear0 trmx0.
Qed.

(** J is X times a matrix A, and X is J times another if one of the factors is not zero. *)
Lemma slope_factor (A := \matrix_k mxvec (\matrix_(j < m, k' < d) (scale * c * (a j * (k == k')%:R)))) :
  J = X *m A.
Proof.
apply/row_matrixP => i; apply: trmx_inj; rewrite prp_linear_in_x_4_row row_mul mulmx_sum_row.
rewrite /vec; congr trmx; apply/rowP => q; case/mxvec_indexP: q => j k.
rewrite mxvecE mxE summxE (bigD1 k) //= big1 => [|k' /negPf kk'].
  by rewrite !mxE mxvecE mxE eqxx addr0 mulr1n mulr1 [RHS]mulrC mulrA.
by rewrite !mxE mxvecE mxE kk' mulr0n !mulr0.
Qed.

(* statement: prp-linear-in-x (4) "rank J = rank X if c is not zero" *)
Theorem prp_linear_in_x_4_rank j :
  eps != 0 -> c != 0 -> a j != 0 -> \rank J = \rank X.
Proof.
move=> eps0 c0 aj; apply/eqP; rewrite eqn_leq {1}slope_factor mxrankM_maxl /=.
have t0 : scale * c * a j != 0.
  rewrite !mulf_neq0 // invr_eq0 sqrtr_eq0 -ltNge ltr0n.
  exact: leq_ltn_trans (leq0n j) (ltn_ord j).
(* The block of neuron j of J is a multiple of X. *)
apply: (rank_of_a_block t0 (j := j)) => i k.
have /colP/(_ (mxvec_index j k)) := prp_linear_in_x_4_row i.
by rewrite 2!mxE => ->; rewrite mxE mxvecE mxE mulrA.
Qed.
End Slope.
End LinearInX.

(** The rank of a sum is at most the sum of the ranks. *)
Lemma rank_sum (F : fieldType) (I : finType) (P : pred I) m n (A : I -> 'M[F]_(m, n)) (k : I -> nat) :
  (forall i, P i -> \rank (A i) <= k i)%N ->
  (\rank (\sum_(i | P i) A i)%R <= \sum_(i | P i) k i)%N.
Proof.
move=> le; apply: (big_rec2 (fun B s => \rank B <= s)%N); first by rewrite mxrank0.
move=> i s B Pi Bs; apply: leq_trans (mxrank_add _ _) _.
by rewrite leq_add ?le.
Qed.

(** A term that is zero may be left out of a sum. *)
Lemma sum_without (V : zmodType) (I : finType) (A : {set I}) c (F : I -> V) :
  F c = 0 -> \sum_(g in A) F g = \sum_(g in A :\ c) F g.
Proof.
move=> F0; rewrite big_mkcond [RHS]big_mkcond; apply: eq_bigr => g _.
by rewrite !inE; case: eqVneq => [->|_] //=; rewrite F0 if_same.
Qed.

(** Gates and rank. *)
Section GateRank.
Variable R : rcfType.
Variables (eps : R) (n m d : nat) (a : 'I_m -> R) (W0 : 'M[R]_(m, d)) (X : 'M[R]_(n, d)).
Local Notation J := (jac (@drelu R) eps a W0 X).
Local Notation scale := (eps / Num.sqrt m%:R).
(** The gate of neuron j on input i, the pattern of an input, and how a neuron splits the data. *)
Definition gate i j : bool := 0 <= (W0 *m (row i X)^T) j 0.
Definition pattern i : {ffun 'I_m -> bool} := [ffun j => gate i j].
Definition splitting j : {ffun 'I_n -> bool} := [ffun i => gate i j].
Definition closed k : {ffun 'I_k -> bool} := [ffun => false].

Lemma jac_entry i j k : J i (mxvec_index j k) = scale * a j * (gate i j)%:R * X i k.
Proof. rewrite mxE mxE /grad /vec mxE mxvecE mxE [X in _ * (_ * X)]mxE [X in _ * (_ * X)]mxE.
by rewrite /drelu -/(gate i j) !mulrA. Qed.

(** The part of J that belongs to a set of inputs on which the gates are g: X_g times a matrix. Rows
    of other inputs are zero. *)
Definition rows_of (g : {ffun 'I_m -> bool}) : 'M[R]_(n, d) :=
  \matrix_(i, k) ((pattern i == g)%:R * X i k).
Definition gates_of (g : {ffun 'I_m -> bool}) : 'M[R]_(d, m * d) :=
  \matrix_k mxvec (\matrix_(j, k') (scale * a j * (g j)%:R * (k == k')%:R)).

Lemma gates_mul (g : {ffun 'I_m -> bool}) (u : 'I_d -> R) j k :
  \sum_k' u k' * gates_of g k' (mxvec_index j k) = scale * a j * (g j)%:R * u k.
Proof.
rewrite (bigD1 k) //= big1 => [|k' /negPf kk']; last by rewrite mxE mxvecE mxE kk' !mulr0.
by rewrite mxE mxvecE mxE eqxx addr0 mulr1 mulrC.
Qed.

Lemma jac_patterns : J = \sum_(g in [set pattern i | i : 'I_n]) rows_of g *m gates_of g.
Proof.
apply/matrixP => i q; case/mxvec_indexP: q => j k; rewrite jac_entry summxE.
rewrite (bigD1 (pattern i)) ?imset_f //= big1 => [|g /andP[_ /negPf ig]]; last first.
  by rewrite mxE big1 // => k' _; rewrite mxE eq_sym ig mul0r mul0r.
rewrite addr0 mxE; under eq_bigr do rewrite mxE eqxx mul1r.
by rewrite gates_mul ffunE.
Qed.

Lemma gates_closed : gates_of (closed m) = 0.
Proof. by apply/matrixP => k q; case/mxvec_indexP: q => j k'; rewrite mxE mxvecE !mxE ffunE mulr0 mul0r. Qed.

(* statement: prp-gate-rank (2) "rank J is at most the sum of the ranks of the X_g" *)
(* difference: X_g has the rows of all inputs, those of other patterns replaced by zero, which
   leaves its rank. *)
Theorem prp_gate_rank_2 :
  (\rank J <= \sum_(g in [set pattern i | i : 'I_n] :\ closed m) \rank (rows_of g))%N.
Proof.
(* Inputs on which all gates are closed have rows of zeros. *)
rewrite jac_patterns (sum_without _ (c := closed m)); last by rewrite gates_closed mulmx0.
by apply: rank_sum => g _; exact: mxrankM_maxl.
Qed.

(* statement: prp-gate-rank (2) "and this is at most d times the number of patterns" *)
(* difference: as above. *)
Theorem prp_gate_rank_2_number :
  (\sum_(g in [set pattern i | i : 'I_n] :\ closed m) \rank (rows_of g) <=
   d * #|[set pattern i | i : 'I_n] :\ closed m|)%N.
Proof.
rewrite mulnC -sum_nat_const; apply: leq_sum => g _.
exact: rank_leq_col.
Qed.

(** The same from the side of the neurons. *)
Definition inputs_of (h : {ffun 'I_n -> bool}) : 'M[R]_(n, d) := \matrix_(i, k) ((h i)%:R * X i k).
Definition neurons_of (h : {ffun 'I_n -> bool}) : 'M[R]_(d, m * d) :=
  \matrix_k mxvec (\matrix_(j, k') (scale * a j * (splitting j == h)%:R * (k == k')%:R)).

Lemma jac_splittings : J = \sum_(h in [set splitting j | j : 'I_m]) inputs_of h *m neurons_of h.
Proof.
apply/matrixP => i q; case/mxvec_indexP: q => j k; rewrite jac_entry summxE.
have entry h : (inputs_of h *m neurons_of h) i (mxvec_index j k) =
    scale * a j * (splitting j == h)%:R * ((h i)%:R * X i k).
  rewrite mxE (bigD1 k) //= big1 => [|k' /negPf kk']; last by rewrite [_ _ (mxvec_index _ _)]mxE mxvecE mxE kk' !mulr0.
  by rewrite 2!mxE mxvecE mxE eqxx addr0 mulr1 mulrC.
rewrite (bigD1 (splitting j)) ?imset_f //= big1 => [|h /andP[_ /negPf hj]]; last first.
  by rewrite entry eq_sym hj mulr0 mul0r.
by rewrite addr0 entry eqxx mulr1 ffunE mulrA.
Qed.

(* statement: prp-gate-rank (3) "rank J is at most d times the number of ways in which neurons split the data" *)
Theorem prp_gate_rank_3 :
  (\rank J <= d * #|[set splitting j | j : 'I_m] :\ closed n|)%N.
Proof.
(* A neuron that is off on all inputs has no part. *)
rewrite jac_splittings (sum_without _ (c := closed n)); last first.
  rewrite (_ : inputs_of (closed n) = 0) ?mul0mx //.
  by apply/matrixP => i k; rewrite !mxE ffunE mul0r.
rewrite [leqRHS]mulnC -sum_nat_const; apply: rank_sum => h _.
exact: leq_trans (mxrankM_maxl _ _) (rank_leq_col _).
Qed.

(** All inputs have the pattern g. *)
Section OnePattern.
Variable g : {ffun 'I_m -> bool}.
Hypothesis agree : forall i, pattern i = g.

Lemma gate_agree i j : gate i j = g j.
Proof. by rewrite -(agree i) ffunE. Qed.

(* statement: prp-gate-rank (1) "F_0(x_i; w) is the inner product of x_i with one vector" *)
Theorem prp_gate_rank_1 W i : net0 (@relu R) (@drelu R) eps a W0 (row i X)^T W =
  dot (scale *: \sum_j (a j * (g j)%:R) *: (row j W)^T) (row i X)^T.
Proof. by apply: prp_jumps_1 => j; rewrite -(gate_agree i). Qed.

(* statement: prp-gate-rank (1) "a gate is open: rank J = rank X, at most d" *)
Theorem prp_gate_rank_1_open j : eps != 0 -> a j != 0 -> g j ->
  \rank J = \rank X /\ (\rank X <= d)%N.
Proof.
move=> eps0 aj gj; split; last exact: rank_leq_col.
have JX : J = X *m gates_of g.
  apply/matrixP => i q; case/mxvec_indexP: q => j' k; rewrite jac_entry mxE gates_mul.
  by rewrite gate_agree.
apply/eqP; rewrite eqn_leq {1}JX mxrankM_maxl /=.
have t0 : scale * a j != 0.
  rewrite !mulf_neq0 // invr_eq0 sqrtr_eq0 -ltNge ltr0n.
  exact: leq_ltn_trans (leq0n j) (ltn_ord j).
(* The block of neuron j is a multiple of X. *)
apply: (rank_of_a_block t0 (j := j)) => i k.
by rewrite jac_entry gate_agree gj mulr1.
Qed.

(* statement: prp-gate-rank (1) "no gate is open: J = 0" *)
Theorem prp_gate_rank_1_closed : (forall j, ~~ g j) -> J = 0.
Proof.
move=> off; apply/matrixP => i q; case/mxvec_indexP: q => j k.
by rewrite jac_entry gate_agree (negPf (off j)) mulr0 mul0r mxE.
Qed.
End OnePattern.

(* statement: prp-gate-rank "gates agree on positive inputs if each row of W0 has one sign" *)
Theorem prp_gate_rank_example : (forall i k, 0 < X i k) ->
  (forall j, (forall k, 0 <= W0 j k) \/ (forall k, W0 j k <= 0)) ->
  forall i i', pattern i = pattern i'.
Proof.
move=> pos sign; suff gateE i j : gate i j = [forall k, 0 <= W0 j k].
  by move=> i i'; apply/ffunP => j; rewrite !ffunE !gateE.
have zE : (W0 *m (row i X)^T) j 0 = \sum_k W0 j k * X i k.
  by rewrite mxE; apply: eq_bigr => k _; rewrite !mxE.
rewrite /gate zE; case: (sign j) => [up|down].
  rewrite sumr_ge0 => [|k _]; last by rewrite mulr_ge0 ?up // ltW.
  by apply/esym/forallP.
(* A sum of terms that are at most zero is at least zero only if all are zero. *)
apply/idP/forallP => [ge0 k | up].
  have : \sum_k - (W0 j k * X i k) == 0.
    rewrite eq_le sumrN oppr_le0 ge0 oppr_ge0 -oppr_ge0 -sumrN sumr_ge0 // => l _.
    by rewrite -mulNr mulr_ge0 ?oppr_ge0 ?down // ltW.
  rewrite psumr_eq0 => [/allP/(_ k (mem_index_enum _))|l _]; last first.
    by rewrite -mulNr mulr_ge0 ?oppr_ge0 ?down // ltW.
  by rewrite /= oppr_eq0 mulf_eq0 (gt_eqF (pos i k)) orbF => /eqP->.
by apply: sumr_ge0 => k _; rewrite mulr_ge0 ?up // ltW.
Qed.
End GateRank.
