(** Means: over the signs a in {-1, +1}^m, and under any law on finitely many points. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Signs.
Variable R : realFieldType.
Variable m : nat.
Local Notation signs := {ffun 'I_m -> bool}.

Definition sgn (s : signs) : 'cV[R]_m := \col_j (-1) ^+ s j.
(** The mean over the 2^m sign vectors *)
Definition avg (f : signs -> R) : R := (2 ^+ m)^-1 * \sum_s f s.
Definition flip j (s : signs) : signs := [ffun k => s k (+) (k == j)].

Lemma flipK j : involutive (flip j).
Proof. by move=> s; apply/ffunP => k; rewrite !ffunE -addbA addbb addbF. Qed.

Lemma sgn_flip j s k : sgn (flip j s) k 0 = (if k == j then -1 else 1) * sgn s k 0.
Proof. by rewrite !mxE ffunE signr_addb mulrC; case: (k == j). Qed.

Lemma avgD f g : avg (fun s => f s + g s) = avg f + avg g.
Proof. by rewrite /avg big_split mulrDr. Qed.
Lemma avgZ c f : avg (fun s => c * f s) = c * avg f.
Proof. by rewrite /avg -mulr_sumr mulrCA. Qed.
Lemma avg_sum (I : finType) (f : I -> signs -> R) :
  avg (fun s => \sum_i f i s) = \sum_i avg (f i).
Proof. by rewrite /avg exchange_big -mulr_sumr. Qed.
Lemma avg_cst c : avg (fun _ => c) = c.
Proof.
rewrite /avg sumr_const card_ffun card_bool card_ord -mulr_natl natrX mulrA.
by rewrite mulVf ?mul1r // expf_neq0 // pnatr_eq0.
Qed.
Lemma eq_avg f g : f =1 g -> avg f = avg g.
Proof. by move=> fg; rewrite /avg; congr (_ * _); apply: eq_bigr => s _. Qed.

Lemma avg_odd j f : (forall s, f (flip j s) = - f s) -> avg f = 0.
Proof.
move=> odd; suff : avg f = - avg f.
  by move/eqP; rewrite -subr_eq0 opprK -mulr2n mulrn_eq0 => /eqP.
rewrite -mulN1r -avgZ /avg (reindex_inj (inv_inj (flipK j))) /=.
by congr (_ * _); apply: eq_bigr => s _; rewrite odd mulN1r.
Qed.

Lemma avg1 j : avg (fun s => sgn s j 0) = 0.
Proof. by apply: (avg_odd (j := j)) => s; rewrite sgn_flip eqxx mulN1r. Qed.

Lemma avg2 j k : avg (fun s => sgn s j 0 * sgn s k 0) = (j == k)%:R.
Proof.
have [->|jk] := eqVneq j k.
  by rewrite -[RHS]avg_cst; apply: eq_avg => s; rewrite -expr2 mxE sqrr_sign.
apply: (avg_odd (j := j)) => s; rewrite !sgn_flip eqxx eq_sym (negPf jk).
by rewrite mul1r mulN1r mulNr.
Qed.

Lemma avg_dot u : avg (fun s => dot u (sgn s)) = 0.
Proof.
rewrite (eq_avg (g := fun s => \sum_j u j 0 * sgn s j 0)) => [|s]; last by rewrite dotE.
by rewrite avg_sum big1 // => j _; rewrite avgZ avg1 mulr0.
Qed.

Lemma avg_quad (B : 'M[R]_m) : avg (fun s => dot (sgn s) (B *m sgn s)) = \tr B.
Proof.
rewrite (eq_avg (g := fun s => \sum_j \sum_k B j k * (sgn s j 0 * sgn s k 0))).
  rewrite avg_sum /mxtrace; apply: eq_bigr => j _; rewrite avg_sum (bigD1 j) //=.
  rewrite avgZ avg2 eqxx mulr1 big1 ?addr0 // => k /negPf kj.
  by rewrite avgZ avg2 eq_sym kj mulr0.
move=> s; rewrite dotE; apply: eq_bigr => j _; rewrite [X in _ * X]mxE mulr_sumr.
by apply: eq_bigr => k _; rewrite mulrCA.
Qed.

(** A quadratic form of y - H a: the mean over the signs. *)
Lemma avg_shift n (y : 'cV[R]_n) (H : 'M[R]_(n, m)) (Q : 'M[R]_n) :
  avg (fun s => dot (y - H *m sgn s) (Q *m (y - H *m sgn s)))
  = dot y (Q *m y) + \tr (Q *m (H *m H^T)).
Proof.
pose u := H^T *m (Q^T *m y) + H^T *m (Q *m y).
rewrite (eq_avg (g := fun s => dot y (Q *m y) +
   (dot (- u) (sgn s) + dot (sgn s) (H^T *m Q *m H *m sgn s)))) => [|s].
  rewrite !avgD avg_cst avg_dot avg_quad add0r; congr (_ + _).
  by rewrite -mulmxA mxtrace_mulC mulmxA.
set a := sgn s; have u1 : dot (H^T *m (Q^T *m y)) a = dot y (Q *m (H *m a)).
  by rewrite !dot_adj !trmxK.
have u2 : dot (H^T *m (Q *m y)) a = dot (H *m a) (Q *m y).
  by rewrite dot_adj trmxK dotC.
rewrite /u [dot (- _) _]dotNl [dot (_ + _) a]dotDl u1 u2 mulmxBr dotBl !dotBr.
have -> : dot a (H^T *m Q *m H *m a) = dot (H *m a) (Q *m (H *m a)).
  by rewrite [RHS]dot_adj !mulmxA.
by rewrite opprB opprD [dot (H *m a) (Q *m (H *m a)) - _]addrC !addrA.
Qed.
End Signs.


(** Means under any law on finitely many points. *)
Section Mean.
Variable R : realFieldType.
Variables (I : finType) (P : I -> R).
Local Notation E := (mean P).

Lemma eq_mean f g : f =1 g -> E f = E g.
Proof. by move=> fg; apply: eq_bigr => i _; rewrite fg. Qed.
Lemma meanD f g : E (fun i => f i + g i) = E f + E g.
Proof. by rewrite /mean -big_split /=; apply: eq_bigr => i _; rewrite mulrDr. Qed.
Lemma meanZ c f : E (fun i => c * f i) = c * E f.
Proof. by rewrite /mean mulr_sumr; apply: eq_bigr => i _; rewrite mulrCA. Qed.
Lemma mean_const c : law P -> E (fun _ => c) = c.
Proof. by case=> _ P1; rewrite /mean -mulr_suml P1 mul1r. Qed.
Lemma mean_sum (T : finType) (f : T -> I -> R) : E (fun i => \sum_t f t i) = \sum_t E (f t).
Proof.
rewrite /mean exchange_big /=; apply: eq_bigr => i _.
by rewrite mulr_sumr.
Qed.

Variables (n : nat) (xi : I -> 'cV[R]_n).

Lemma mean_dot (c : 'cV[R]_n) :
  (forall j, E (fun i => xi i j 0) = 0) -> E (fun i => dot c (xi i)) = 0.
Proof.
move=> centered; rewrite (eq_mean (g := fun i => \sum_j c j 0 * xi i j 0)) => [|i].
  by rewrite mean_sum big1 // => j _; rewrite meanZ centered mulr0.
exact: dotE.
Qed.

Lemma mean_form tau (Q : 'M[R]_n) :
  (forall j l, E (fun i => xi i j 0 * xi i l 0) = tau * (j == l)%:R) ->
  E (fun i => dot (xi i) (Q *m xi i)) = tau * \tr Q.
Proof.
move=> white.
rewrite (eq_mean (g := fun i => \sum_j \sum_l Q j l * (xi i j 0 * xi i l 0))) => [|i]; last first.
  rewrite dotE; apply: eq_bigr => j _; rewrite [X in _ * X]mxE mulr_sumr.
  by apply: eq_bigr => l _; rewrite mulrCA.
rewrite mean_sum /mxtrace mulr_sumr; apply: eq_bigr => j _.
rewrite mean_sum (bigD1 j) //= big1 => [|l /negPf lj].
  by rewrite meanZ white eqxx mulr1 addr0 mulrC.
by rewrite meanZ white eq_sym lj !mulr0.
Qed.

Lemma mean_dot_sq tau (c : 'cV[R]_n) :
  (forall j l, E (fun i => xi i j 0 * xi i l 0) = tau * (j == l)%:R) ->
  E (fun i => dot c (xi i) ^+ 2) = tau * sq c.
Proof.
move=> white; rewrite (eq_mean (g := fun i => dot (xi i) (c *m c^T *m xi i))) => [|i].
  rewrite (mean_form _ white) mxtrace_mulC; congr (_ * _).
  by rewrite /mxtrace big_ord1.
by rewrite -mulmxA [c^T *m _]mx11_scalar mul_mx_scalar dotZr [dot (xi i) c]dotC expr2.
Qed.

(** The mean squared length of A (r + xi). *)
Lemma mean_sq m tau (A : 'M[R]_(m, n)) r : law P ->
  (forall j, E (fun i => xi i j 0) = 0) ->
  (forall j l, E (fun i => xi i j 0 * xi i l 0) = tau * (j == l)%:R) ->
  E (fun i => sq (A *m (r + xi i))) = sq (A *m r) + tau * \tr (A *m A^T).
Proof.
move=> prob centered white.
have e i : sq (A *m (r + xi i)) =
    sq (A *m r) + (2 * dot (A^T *m (A *m r)) (xi i) + dot (xi i) (A^T *m A *m xi i)).
  rewrite mulmxDr sqD -addrA; congr (_ + (_ * _ + _)).
    by rewrite [RHS]dot_adj trmxK.
  by rewrite /sq dot_adj mulmxA.
rewrite (eq_mean e) !meanD mean_const // meanZ mean_dot // mulr0 add0r.
by rewrite (mean_form _ white) mxtrace_mulC.
Qed.
End Mean.
