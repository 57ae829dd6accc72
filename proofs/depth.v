(** Chapter "depth": averages over symmetries. *)
From mathcomp Require Import all_ssreflect fingroup all_algebra.
From NTK Require Import preface algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** Pooling. The pixels are the elements of a finite commutative group Z, as the integers modulo P
    are. Each pair of pixels, one of each signal, has a state in T: kernel, tangent kernel and
    whatever a layer passes on. A layer is any function of the states in a window: of the pairs of
    the first signal with itself, of both signals, and of the second with itself. *)
Section Pooling.
Variables (R : realFieldType) (Z : finZmodType) (V T : Type) (O : finType) (offset : O -> Z).
Variables (input : V -> V -> T) (readout : T -> R).
Definition layer := {ffun O -> T * T * T} -> T.
Implicit Types (x : Z -> V) (i s : Z) (layers : seq layer).

Fixpoint state layers x x' i i' : T :=
  if layers is f :: below then
    f [ffun o => (state below x x (i + offset o) (i + offset o),
                  state below x x' (i + offset o) (i' + offset o),
                  state below x' x' (i' + offset o) (i' + offset o))]
  else input (x i) (x' i').
Definition shift s x i : V := x (i + s).

Variable layers : seq layer.
Definition Theta x x' i i' : R := readout (state layers x x' i i').
Definition k_loc x x' : R := #|Z|%:R^-1 * \sum_i Theta x x' i i.
Definition k_pool x x' : R := #|Z|%:R^-1 ^+ 2 * \sum_i \sum_i' Theta x x' i i'.

(** Shifted signals have the states of shifted pairs of pixels. *)
Lemma state_shift x x' z z' s s' i i' :
  z =1 shift s x -> z' =1 shift s' x' ->
  state layers z z' i i' = state layers x x' (i + s) (i' + s').
Proof.
elim: layers x x' z z' s s' i i' => [|f below IH] x x' z z' s s' i i' zx zx' /=.
  by rewrite zx zx'.
(* Windows are everywhere the same, and the ring has no end. *)
congr f; apply/ffunP => o; rewrite !ffunE.
rewrite (IH _ _ _ _ _ _ _ _ zx zx) (IH _ _ _ _ _ _ _ _ zx zx') (IH _ _ _ _ _ _ _ _ zx' zx').
by rewrite ![_ + offset o + _]addrAC.
Qed.

Lemma shift0 x : x =1 shift 0 x.
Proof. by move=> i; rewrite /shift addr0. Qed.

(* statement: prp-pooled-invariant "pooling is averaging over shifts" *)
(* difference: pixels are the elements of any finite commutative group; a layer is any function of
   the states in its window, so that depth, activation, biases and the trained layers are free. *)
Theorem prp_pooled_invariant x x' :
  k_pool x x' = #|Z|%:R^-1 * \sum_s k_loc x (shift s x').
Proof.
have locE s : k_loc x (shift s x') = #|Z|%:R^-1 * \sum_i Theta x x' i (i + s).
  congr (_ * _); apply: eq_bigr => i _.
  by rewrite /Theta (state_shift _ _ (shift0 x) (frefl (shift s x'))) addr0.
rewrite (eq_bigr _ (fun s _ => locE s)) -mulr_sumr mulrA -expr2; congr (_ * _).
(* The mean over s is the mean over all pairs. *)
rewrite [RHS]exchange_big; apply: eq_bigr => i _ /=.
by rewrite (reindex_inj (addrI i)).
Qed.

(* statement: prp-pooled-invariant "k_loc does not change when both signals are shifted alike" *)
(* difference: as above. *)
Theorem prp_pooled_invariant_local s x x' : k_loc (shift s x) (shift s x') = k_loc x x'.
Proof.
rewrite /k_loc [in RHS](reindex_inj (addIr s)); congr (_ * _); apply: eq_bigr => i _.
by rewrite /Theta (state_shift _ _ (frefl (shift s x)) (frefl (shift s x'))).
Qed.

(* statement: prp-pooled-invariant "k_pool does not change when each signal is shifted by its own amount" *)
(* difference: as above. *)
Theorem prp_pooled_invariant_pool s s' x x' : k_pool (shift s x) (shift s' x') = k_pool x x'.
Proof.
rewrite /k_pool [in RHS](reindex_inj (addIr s)); congr (_ * _); apply: eq_bigr => i _.
rewrite [in RHS](reindex_inj (addIr s')); apply: eq_bigr => i' _.
by rewrite /Theta (state_shift _ _ (frefl (shift s x)) (frefl (shift s' x'))).
Qed.
End Pooling.

(** Ridge regression with the kernel k on the points p_i with the targets y_i: the coefficients, and
    the function that they give. *)
Section Ridge.
Variables (R : realFieldType) (T : Type).
Definition fit (k : T -> T -> R) (I : finType) (p : I -> T) (y : I -> R) nu (c : I -> R) :=
  forall i, \sum_j k (p i) (p j) * c j + nu * c i = y i.
Definition predict (k : T -> T -> R) (I : finType) (p : I -> T) (c : I -> R) x :=
  \sum_j c j * k x (p j).
Definition psd_kernel (k : T -> T -> R) :=
  forall (I : finType) (p : I -> T) (c : I -> R), 0 <= \sum_i c i * \sum_j k (p i) (p j) * c j.

(** For nu > 0 there is one solution. *)
Lemma fit_unique k (I : finType) (p : I -> T) y nu c c' :
  psd_kernel k -> 0 < nu -> fit k p y nu c -> fit k p y nu c' -> c =1 c'.
Proof.
move=> pos nu0 fc fc' i; apply/eqP; rewrite -subr_eq0.
pose e j := c j - c' j; rewrite -/(e i).
have e0 j : \sum_l k (p j) (p l) * e l + nu * e j = 0.
  have -> : \sum_l k (p j) (p l) * e l = \sum_l k (p j) (p l) * c l - \sum_l k (p j) (p l) * c' l.
    by rewrite -sumrB; apply: eq_bigr => l _; rewrite mulrBr.
  by rewrite mulrBr addrACA -opprD fc fc' subrr.
have : \sum_j e j * (\sum_l k (p j) (p l) * e l) + nu * (\sum_j e j ^+ 2) = 0.
  rewrite mulr_sumr -big_split /= big1 // => j _.
  by rewrite expr2 mulrCA -mulrDr e0 mulr0.
move/eqP; rewrite paddr_eq0 ?pos ?mulr_ge0 ?(ltW nu0) ?sumr_ge0 // => [|j _]; last exact: sqr_ge0.
case/andP=> _; rewrite mulf_eq0 (gt_eqF nu0) psumr_eq0 => [|j _]; last exact: sqr_ge0.
by move/allP/(_ i (mem_index_enum _)); rewrite /= sqrf_eq0.
Qed.
End Ridge.

Section Orbits.
Variables (R : realFieldType) (T : Type) (G : finGroupType) (act : G -> T -> T).
Hypothesis actM : forall g h x, act (g * h)%g x = act g (act h x).
Variable k : T -> T -> R.
Hypothesis invariant : forall g x z, k (act g x) (act g z) = k x z.
Variables (n : nat) (x : 'I_n -> T) (y : 'I_n -> R) (nu : R).
Local Notation order := (#|G|%:R : R).

(** The averaged kernel, and all images of the points. *)
Definition k_G u z := order^-1 * \sum_g k u (act g z).
Definition images (q : 'I_n * G) := act q.2 (x q.1).

Lemma order_neq0 : order != 0.
Proof. by rewrite pnatr_eq0 -lt0n; apply/card_gt0P; exists 1%g. Qed.

Lemma k_G_act h u z : k_G (act h u) z = k_G u z.
Proof.
congr (_ * _); rewrite (reindex_inj (mulgI h)); apply: eq_bigr => g _.
by rewrite actM invariant.
Qed.

(** The coefficient a_i / |G| for each image of x_i. *)
Definition spread (a : 'I_n -> R) (q : 'I_n * G) : R := a q.1 / order.

Lemma predict_spread a u : predict k images (spread a) u = predict k_G x a u.
Proof.
rewrite /predict -(pair_bigA _ (fun i g => spread a (i, g) * k u (images (i, g)))) /=.
apply: eq_bigr => i _; rewrite /k_G mulrA mulr_sumr; apply: eq_bigr => g _.
by [].
Qed.

(* statement: prp-orbits "the coefficients a_i / |G| solve the system of all images" *)
(* difference: G is any finite group that acts on any set. *)
Theorem prp_orbits_coefficients a :
  fit k_G x y nu a -> fit k images (fun q => y q.1) (order * nu) (spread a).
Proof.
move=> fa [j h] /=; rewrite -(fa j).
have -> : \sum_q k (images (j, h)) (images q) * spread a q = predict k_G x a (images (j, h)).
  by rewrite -predict_spread; apply: eq_bigr => q _; rewrite mulrC.
congr (_ + _); last first.
  by rewrite /spread /= [_ * nu]mulrC -mulrA [order * _]mulrC divfK ?order_neq0.
by apply: eq_bigr => i _; rewrite /images k_G_act mulrC.
Qed.

(* statement: prp-orbits "averaging is augmentation" *)
(* difference: as above; the two fits are any solutions of their systems, which have one each
   (prp_orbits_exists). *)
Theorem prp_orbits a b : psd_kernel k -> 0 < nu ->
  fit k_G x y nu a -> fit k images (fun q => y q.1) (order * nu) b ->
  predict k images b =1 predict k_G x a.
Proof.
move=> pos nu0 fa fb u; rewrite -predict_spread.
have nuG : 0 < order * nu by rewrite mulr_gt0 // lt_neqAle eq_sym order_neq0 ler0n.
have eq := fit_unique pos nuG fb (prp_orbits_coefficients fa).
by apply: eq_bigr => q _; rewrite eq.
Qed.

(* The averaged kernel is positive semidefinite: it is also the mean over two group elements. *)
Lemma k_G_psd : psd_kernel k -> psd_kernel k_G.
Proof.
move=> pos I p c.
pose p' (q : I * G) := act q.2 (p q.1); pose c' (q : I * G) := c q.1 / order.
suff -> : \sum_i c i * (\sum_j k_G (p i) (p j) * c j) =
    \sum_q c' q * (\sum_r k (p' q) (p' r) * c' r) by exact: pos.
rewrite -(pair_bigA _ (fun i g => c' (i, g) * (\sum_r k (p' (i, g)) (p' r) * c' r))) /=.
apply: eq_bigr => i _.
have inner g : \sum_r k (p' (i, g)) (p' r) * c' r = \sum_j k_G (p i) (p j) * c j.
  rewrite -(pair_bigA _ (fun j h => k (p' (i, g)) (p' (j, h)) * c' (j, h))) /=.
  apply: eq_bigr => j _; rewrite -(k_G_act g) /k_G mulr_sumr mulr_suml.
  by apply: eq_bigr => h _; rewrite /c' /p' /= [c j / _]mulrC mulrCA mulrA.
transitivity (\sum_(g : G) c i / order * \sum_j k_G (p i) (p j) * c j); last first.
  by apply: eq_bigr => g _; rewrite inner.
by rewrite sumr_const -mulr_natl mulrA mulrCA mulfV ?order_neq0 // mulr1.
Qed.
End Orbits.

(* statement: prp-orbits "both systems have one solution" *)
(* difference: for any positive semidefinite kernel, and the points are numbered. *)
Theorem prp_orbits_exists (R : realFieldType) (T : Type) (k : T -> T -> R) n (x : 'I_n -> T) y nu :
  psd_kernel k -> 0 < nu ->
  exists2 a, fit k x y nu a & forall a', fit k x y nu a' -> a' =1 a.
Proof.
move=> pos nu0; pose K := \matrix_(i, j) k (x i) (x j).
have Kpos : psd K.
  move=> u; have := pos _ x (fun i => u i 0); rewrite dotE; congr (0 <= _).
  by apply: eq_bigr => i _; rewrite mxE; congr (_ * _); apply: eq_bigr => j _; rewrite mxE.
have uM := posdef_unit (psd_ridge Kpos nu0).
have [a yE] : exists a, \col_i y i = K *m a + nu *: a.
  exists (invmx (K + nu%:M) *m \col_i y i).
  by rewrite -mul_scalar_mx -mulmxDl mulKVmx.
have fa : fit k x y nu (fun i => a i 0).
  move=> i; have -> : y i = (\col_i y i) i 0 by rewrite mxE.
  rewrite yE [RHS]mxE; congr (_ + _); last by rewrite [RHS]mxE.
  by rewrite [RHS]mxE; apply: eq_bigr => j _; rewrite [K _ _]mxE.
by exists (fun i => a i 0) => // a' fa'; exact: fit_unique pos nu0 fa' fa.
Qed.
