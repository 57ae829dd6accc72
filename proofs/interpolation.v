(** Chapter "interpolation": when every target can be fitted, and what it costs. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra averages linearization span least_squares.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Rank.
Variable R : realFieldType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 : 'cV[R]_n) (w0 : 'cV[R]_p).
Local Notation F0 := (lin J f0 w0).

(* statement: thm-rank "one y is fitted if and only if y - F(X; w0) is in the range of J" *)
Theorem thm_rank_one_target y : (exists w, F0 w = y) <-> inrange J (y - f0).
Proof.
split=> [[w <-] | [v yE]]; first by exists (w - w0); rewrite addKB.
by exists (w0 + v); rewrite /lin addKB -yE addrC subrK.
Qed.

(* statement: thm-rank (1, 2, 3) "rank n, K invertible, K positive definite, every y fitted" *)
Theorem thm_rank : [<->
  (* 1 *) \rank J = n;
  (* 2, invertible *) gram J \in unitmx;
  (* 3 *) forall y, exists w : 'cV_p, F0 w = y;
  (* 2, positive definite *) posdef (gram J) ].
Proof.
tfae=> [/eqP rJ | uK y | surj u | pos].
- by rewrite gram_unit.
- exists (w0 + J^T *m (invmx (gram J) *m (y - f0))).
  by rewrite /lin addKB mulmxA mulKVmx // addrC subrK.
- apply: contraNT; rewrite dot_gram -leNgt => Ju.
  have {Ju}/eqP Ju : J^T *m u == 0 by rewrite -sq_eq0 eq_le Ju sq_ge0.
  have [w /addrI uE] := surj (f0 + u).
  by rewrite -sq_eq0 /sq -{2}uE dotC dot_adj Ju dot0r.
- rewrite -mxrank_tr; apply/inj_rank => u Ju; apply/eqP; apply: contraT => /pos.
  by rewrite dot_gram Ju /sq dot0r ltxx.
Qed.
End Rank.


(** Doubling: every neuron (a_j, w_j) gets a twin (-a_j, w_j). *)
Section Doubling.
Variable R : rcfType.
Variables (sigma dsigma : R -> R) (eps : R) (d : nat).
Local Notation net := (net sigma eps).
Local Notation kern := (kern dsigma eps).

Definition double m (a : 'I_m -> R) (j : 'I_(m + m)) : R :=
  match split j with inl j => a j | inr j => - a j end.

Lemma doublel m (a : 'I_m -> R) j : double a (lshift m j) = a j.
Proof. by rewrite /double (unsplitK (inl _ j)). Qed.
Lemma doubler m (a : 'I_m -> R) j : double a (rshift m j) = - a j.
Proof. by rewrite /double (unsplitK (inr _ j)). Qed.

(* statement: prp-doubling (1) "the doubled network is zero at its start" *)
Theorem prp_doubling_1 m (a : 'I_m -> R) (W : 'M_(m, d)) x : net (double a) (col_mx W W) x = 0.
Proof.
rewrite /preface.net mul_col_mx big_split_ord /= -big_split /= big1 ?mulr0 // => j _.
by rewrite doublel doubler col_mxEu col_mxEd mulNr subrr.
Qed.

(* statement: prp-doubling (2) "the doubled network has the same kernel" *)
Theorem prp_doubling_2 m (a : 'I_m -> R) (W : 'M_(m, d)) x x' :
  kern (double a) (col_mx W W) x x' = kern a W x x'.
Proof.
rewrite !kernE; congr (_ * _); rewrite !mul_col_mx big_split_ord /=.
under eq_bigr do rewrite doublel !col_mxEu.
under [X in _ + X]eq_bigr do rewrite doubler !col_mxEd sqrrN.
rewrite -mulr2n -[_ *+ 2]mulr_natl mulrA; congr (_ * _).
rewrite !expr_div_n !sqr_sqrtr ?ler0n // addnn -mul2n natrM.
by rewrite invfM mulrAC mulrA mulfK // pnatr_eq0.
Qed.

End Doubling.

(** The work that y = 0 costs, and what random signs add. *)
Section Work.
Variable R : rcfType.
Variables (sigma dsigma : R -> R) (eps : R) (n m d : nat).
Variables (W : 'M[R]_(m, d)) (X : 'M[R]_(n, d)) (y : 'cV[R]_n).
Local Notation signs := {ffun 'I_m -> bool}.

(* initial values and Jacobian, as functions of the signs *)
Definition values (s : signs) : 'cV[R]_n :=
  \col_i net sigma eps (fun j => sgn R s j 0) W (row i X)^T.
Definition jacobian (s : signs) := jac dsigma eps (fun j => sgn R s j 0) W X.
(* squared distance that the fit travels: thm-minimum-norm *)
Definition work (s : signs) := sq (pinv (jacobian s) *m (y - values s)).
Definition features : 'M[R]_(n, m) :=
  \matrix_(i, j) (eps / Num.sqrt m%:R * sigma ((W *m (row i X)^T) j 0)).

Lemma valuesE s : values s = features *m sgn R s.
Proof.
apply/colP => i; rewrite 2!mxE /net mulr_sumr; apply: eq_bigr => j _.
by rewrite [features i j]mxE [sgn R s j 0 * _]mulrC mulrA.
Qed.

(* the Gram matrix does not depend on the signs *)
Lemma gram_signs s s' : gram (jacobian s) = gram (jacobian s').
Proof.
apply/matrixP => i i'; rewrite !gram_kern !kernE; congr (_ * _ * _).
by apply: eq_bigr => j _; rewrite !mxE !sqrr_sign.
Qed.

(* statement: prp-doubling (3) "random signs add tr(K^+ Sigma) on average" *)
(* difference: the mean over independent uniform signs is the average over all sign vectors.
   features *m features^T is Sigma_m. *)
Theorem prp_doubling_3_signs s0 : let K := gram (jacobian s0) in
  avg work = dot y (pinv K *m y) + \tr (pinv K *m (features *m features^T)).
Proof.
move=> K; rewrite -avg_shift; apply: eq_avg => s.
by rewrite /work -valuesE /K (gram_signs s0 s) pinv_gram /sq dot_adj mulmxA.
Qed.

(* statement: prp-work-limit (1) "the average work for y = 0 is tr(K^+ Sigma)" *)
Theorem prp_work_limit_1 s0 : y = 0 -> let K := gram (jacobian s0) in
  avg work = \tr (pinv K *m (features *m features^T)).
Proof. by move=> y0 K; rewrite (prp_doubling_3_signs s0) -/K y0 dot0l add0r. Qed.
End Work.

(* statement: prp-work-limit (1) "which does not depend on eps" *)
Theorem prp_work_limit_1_scale (R : rcfType) (sigma dsigma : R -> R) eps n m d
    (W : 'M[R]_(m, d)) (X : 'M[R]_(n, d)) s0 : eps != 0 ->
  let K e := gram (jacobian dsigma e W X s0) in
  let Sigma e := features sigma e W X *m (features sigma e W X)^T in
  \tr (pinv (K eps) *m Sigma eps) = \tr (pinv (K 1) *m Sigma 1).
Proof.
move=> eps0 K Sigma.
have KE : K eps = eps ^+ 2 *: K 1.
  apply/matrixP => i i'; rewrite [RHS]mxE !gram_kern !kernE.
  by rewrite !expr_div_n expr1n !mulrA; congr (_ * _ * _); rewrite mulr1.
have SE : Sigma eps = eps ^+ 2 *: Sigma 1.
  have fE : features sigma eps W X = eps *: features sigma 1 W X.
    by apply/matrixP => i j; rewrite !mxE !mulrA mulr1.
  by rewrite /Sigma fE linearZ /= -scalemxAl -scalemxAr scalerA expr2.
have e2 : eps ^+ 2 != 0 by rewrite expf_neq0.
have pE : pinv (K eps) = (eps ^+ 2)^-1 *: pinv (K 1).
  by rewrite KE pinvZ.
by rewrite pE SE -scalemxAl -scalemxAr scalerA mulVf // scale1r.
Qed.

(* statement: prp-doubling (3) "fitting y costs y^T K^+ y" *)
(* difference: K is the Gram matrix of any Jacobian at which the network is zero. *)
Theorem prp_doubling_3 (R : realFieldType) n p (J : 'M[R]_(n, p)) f0 y w0 : f0 = 0 ->
  sq (w0 + pinv J *m (y - f0) - w0) = dot y (pinv (gram J) *m y).
Proof. by move=> f0E; rewrite thm_minimum_norm_4 f0E subr0. Qed.

Section WorkZero.
Variable R : realFieldType.
Variables n p : nat.
Variables (J : 'M[R]_(n, p)) (f0 : 'cV[R]_n) (w0 : 'cV[R]_p).
Local Notation F0 := (lin J f0 w0).

(* statement: prp-work "for y = 0 the nearest minimizer is w0 - J^+ F(X; w0)" *)
Theorem prp_work w (L := fun w => 2^-1 * sq (F0 w - 0)) :
  (minimizer L w /\ (forall w', minimizer L w' -> sq (w - w0) <= sq (w' - w0)))
  <-> w = w0 - pinv J *m f0.
Proof. by rewrite /L thm_minimum_norm_2 sub0r mulmxN. Qed.

(* statement: prp-work "the work is F(X; w0)^T K^+ F(X; w0)" *)
Theorem prp_work_distance :
  sq (w0 - pinv J *m f0 - w0) = dot f0 (pinv (gram J) *m f0).
Proof. by rewrite addKB sqN pinv_gram /sq dot_adj mulmxA. Qed.

(* statement: prp-work "ReLU: the fit takes P_S w0 away" *)
(* difference: for the ReLU F(X; w0) = J w0 (prp-homogeneity); here this is the hypothesis. *)
Theorem prp_work_relu : f0 = J *m w0 -> w0 - pinv J *m f0 - w0 = - (proj J *m w0).
Proof. by move=> ->; rewrite addKB mulmxA. Qed.

(* statement: prp-work "ReLU: no work if and only if F(X; w0) = 0" *)
Theorem prp_work_relu_zero : f0 = J *m w0 -> sq (proj J *m w0) = 0 <-> f0 = 0.
Proof.
move=> f0E; split=> [/eqP | f00].
  by rewrite sq_eq0 => /eqP Pw; rewrite f0E -(projK J) -mulmxA Pw mulmx0.
by rewrite /proj -mulmxA -f0E f00 mulmx0 /sq dot0r.
Qed.
End WorkZero.

(* statement: prp-work "ReLU: F(X; w0) = J w0" *)
Theorem prp_work_relu_values (R : rcfType) (eps : R) n m d (a : 'I_m -> R)
    (W : 'M[R]_(m, d)) (X : 'M[R]_(n, d)) :
  \col_i net (@relu R) eps a W (row i X)^T = jac (@drelu R) eps a W X *m vec W.
Proof.
apply/colP => i; rewrite mxE prp_homogeneity_relu dotE mxE.
by apply: eq_bigr => k _; rewrite !mxE.
Qed.


(** Counting. *)
Section RankSums.
Variable F : fieldType.

(* the rank is at most the number of rows that are not zero *)
Lemma rank_rows m n (A : 'M[F]_(m, n)) : (\rank A <= #|[set i | row i A != 0%R]|)%N.
Proof.
have AE : A = \sum_(i in [set i | row i A != 0]) delta_mx i 0 *m row i A.
  apply/matrixP => i j; rewrite summxE; have [Ai|Ai] := eqVneq (row i A) 0.
    rewrite big1 => [|k]; first by have /rowP/(_ j) := Ai; rewrite !mxE.
    rewrite inE => Ak; rewrite mxE big_ord1 !mxE andbT.
    by case: eqP => [ik|_]; rewrite ?mul0r //; rewrite -ik Ai eqxx in Ak.
  rewrite (bigD1 i) ?inE //= mxE big_ord1 !mxE !eqxx mul1r big1 ?addr0 // => k.
  by case/andP=> _ /negPf ki; rewrite mxE big_ord1 !mxE eq_sym ki mul0r.
rewrite {1}AE -sum1_card; apply: rank_sum => i _.
exact: leq_trans (mxrankM_maxr _ _) (rank_leq_row _).
Qed.
End RankSums.

Section Counting.
Variable R : rcfType.
Variables (dsigma : R -> R) (eps : R) (n m d : nat).
Variables (a : 'I_m -> R) (W : 'M[R]_(m, d)) (X : 'M[R]_(n, d)).
(* neuron j is active on input i *)
Definition active j i := dsigma ((W *m (row i X)^T) j 0) != 0.

Lemma block_injP : exists E : 'I_m -> 'M[R]_(d, m * d), forall j (u : 'rV_d),
  u *m E j = mxvec (\matrix_(j', k) ((j' == j)%:R * u 0 k)).
Proof.
exists (fun j => \matrix_k mxvec (delta_mx j k)) => j u.
rewrite mulmx_sum_row.
apply/rowP => q; case/mxvec_indexP: q => j' k'.
rewrite mxvecE mxE summxE (bigD1 k') //= !mxE mxvecE mxE eqxx andbT big1 => [|k /negPf kk'].
  by rewrite addr0 mulrC.
by rewrite !mxE mxvecE mxE [k' == k]eq_sym kk' andbF mulr0.
Qed.

(* statement: prp-counting "rank J is at most the sum of min(d, n_j)" *)
(* difference: any activation; active means that sigma' is not zero. *)
Theorem prp_counting :
  (\rank (jac dsigma eps a W X) <= \sum_j minn d #|[set i | active j i]|)%N.
Proof.
have [E EP] := block_injP.
pose B j : 'M[R]_(n, d) :=
  \matrix_(i, k) (eps / Num.sqrt m%:R * (a j * dsigma ((W *m (row i X)^T) j 0) * X i k)).
have -> : jac dsigma eps a W X = \sum_j B j *m E j.
  apply/row_matrixP => i; rewrite raddf_sum /=.
  under eq_bigr do rewrite row_mul EP.
  rewrite rowK /grad trmxK -raddf_sum /=; congr mxvec.
  apply/matrixP => j k; rewrite summxE (bigD1 j) //= big1 => [|j' /negPf jj'].
    by rewrite !mxE eqxx mul1r addr0.
  by rewrite !mxE eq_sym jj' mul0r.
apply: rank_sum => j _; apply: leq_trans (mxrankM_maxl _ _) _.
rewrite leq_min rank_leq_col; apply: leq_trans (rank_rows _) _.
apply/subset_leq_card/subsetP => i; rewrite !inE; apply: contraNN => /eqP s0.
by apply/eqP/rowP => k; rewrite 2![LHS]mxE s0 mulr0 mul0r mulr0 mxE.
Qed.

(* statement: prp-counting "and at most md" *)
Theorem prp_counting_weights : (\rank (jac dsigma eps a W X) <= m * d)%N.
Proof. exact: rank_leq_col. Qed.

(* statement: prp-counting "rank n: every input has an active neuron" *)
Theorem prp_counting_active : \rank (jac dsigma eps a W X) = n ->
  forall i, exists j, active j i.
Proof.
move=> rJ i; apply/existsP; apply: contraT; rewrite negb_exists => /forallP off.
have := rank_rows (jac dsigma eps a W X); rewrite rJ.
suff : (#|[set i | row i (jac dsigma eps a W X) != 0%R]| < n)%N by rewrite ltnNge => /negPf->.
rewrite -[X in (_ < X)%N]card_ord -cardsT; apply: proper_card; rewrite properE subsetT.
apply/subsetPn; exists i; rewrite ?inE // negbK rowK trmx_eq0 /grad trmx_eq0 mxvec_eq0.
apply/eqP/matrixP => j k; rewrite [LHS]mxE; have := off j.
by rewrite /active negbK => /eqP->; rewrite mulr0 mul0r mulr0 mxE.
Qed.
(** Many coordinates: the inputs are linearly independent. *)
(* statement: prp-rank-active (in part) "rank J is the number of inputs with an active neuron" *)
(* difference: any activation; active means that sigma' is not zero, and for the ReLU that the gate
   is open. The probabilities are not part of it. *)
Theorem prp_rank_active : eps != 0 -> (forall j, a j != 0) -> \rank X = n ->
  \rank (jac dsigma eps a W X) = #|[set i | [exists j, active j i]]|.
Proof.
move=> eps0 a0 rX; set J := jac dsigma eps a W X; pose on := [set i | [exists j, active j i]].
(* Rows of inputs without an active neuron are zero. *)
have le : (\rank J <= #|on|)%N.
  apply: leq_trans (rank_rows _) _; apply/subset_leq_card/subsetP => i; rewrite !inE.
  apply: contraNT; rewrite negb_exists => /forallP off.
  rewrite rowK trmx_eq0 /grad trmx_eq0 mxvec_eq0; apply/eqP/matrixP => j k; rewrite [LHS]mxE.
  by have := off j; rewrite negbK => /eqP->; rewrite mulr0 mul0r mulr0 mxE.
apply/eqP; rewrite eqn_leq le /=.
(* If u J = 0, then u is zero at the inputs with an active neuron. *)
have unseen (u : 'rV_n) i : u *m J = 0 -> i \in on -> u 0 i = 0.
  move=> uJ; rewrite inE => /existsP[j act].
  pose v : 'rV_n := \row_l (u 0 l * dsigma ((W *m (row l X)^T) j 0)).
  have vX : v *m X = 0.
    apply/rowP => k; have /rowP/(_ (mxvec_index j k)) := uJ; rewrite !mxE => uJk.
    have t0 : eps / Num.sqrt m%:R * a j != 0.
      rewrite !mulf_neq0 // invr_eq0 sqrtr_eq0 -ltNge ltr0n.
      exact: leq_ltn_trans (leq0n j) (ltn_ord j).
    apply: (mulfI t0); rewrite mulr0 -[RHS]uJk mulr_sumr; apply: eq_bigr => l _.
    have JE : J l (mxvec_index j k) =
        eps / Num.sqrt m%:R * (a j * dsigma ((W *m (row l X)^T) j 0) * X l k).
      rewrite mxE mxE /grad /vec mxE mxvecE mxE.
      by rewrite [X in _ * (_ * X)]mxE [X in _ * (_ * X)]mxE.
    rewrite JE [v _ _]mxE; move: (eps / _) (dsigma _) => scale g.
    by rewrite -[_ * g * _]mulrA mulrCA -!mulrA.
  have v0 : v = 0.
    have free : row_free X by rewrite /row_free rX.
    by apply: (row_free_inj free); rewrite vX mul0mx.
  have /rowP/(_ i) := v0; rewrite [v _ _]mxE [RHS]mxE => /eqP.
  by rewrite mulf_eq0 (negPf act) orbF => /eqP.
pose D : 'M[R]_n := diag_mx (\row_i (i \in on)%:R).
have sub : (kermx J <= kermx D)%MS.
  apply/rV_subP => u /sub_kermxP uJ; apply/sub_kermxP/rowP => i; rewrite mul_mx_diag !mxE.
  by case: (boolP (i \in on)) => [iS|_]; rewrite ?mulr0 // (unseen u i uJ iS) mul0r.
have {sub} : (\rank D <= \rank J)%N.
  have := mxrankS sub; rewrite !mxrank_ker => ker_le.
  by rewrite -(subKn (rank_leq_row D)) -(subKn (rank_leq_row J)) leq_sub2l.
apply: leq_trans.
(* D and I - D have at most as many nonzero rows as there are inputs with and without such a neuron. *)
have : (n <= \rank D + #|~: on|)%N.
  rewrite -{1}(mxrank1 R n) -(subrK D 1%:M) addrC; apply: leq_trans (mxrank_add _ _) _.
  rewrite leq_add2l; apply: leq_trans (rank_rows _) _.
  apply/subset_leq_card/subsetP => i; rewrite in_setC inE; apply: contraNN => iS.
  apply/eqP/rowP => l; rewrite !mxE iS.
  by case: (i == l); rewrite ?subrr.
have onE := cardsC on; rewrite card_ord in onE.
by rewrite -[X in (X <= _)%N]onE leq_add2r.
Qed.
End Counting.
