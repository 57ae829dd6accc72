(** The linear algebra that the chapters share: inner products, Gram matrices, the
    pseudoinverse and its four equations. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Lemma subBB (V : zmodType) (z x y : V) : (x - z) - (y - z) = x - y.
Proof. by rewrite opprB subrKA. Qed.

Lemma addKB (V : zmodType) (x y : V) : x + y - x = y.
Proof. by rewrite addrC addKr. Qed.

Section Algebra.
Variable R : realFieldType.

Section Dot.
Variable m : nat.
Implicit Types u v w : 'cV[R]_m.

Lemma dotE u v : dot u v = \sum_i u i 0 * v i 0.
Proof. by rewrite /dot mxE; apply: eq_bigr => i _; rewrite mxE. Qed.

Lemma dotC u v : dot u v = dot v u.
Proof. by rewrite !dotE; apply: eq_bigr => i _; rewrite mulrC. Qed.

Lemma dotDr u v w : dot u (v + w) = dot u v + dot u w.
Proof. by rewrite /dot mulmxDr mxE. Qed.
Lemma dotDl u v w : dot (v + w) u = dot v u + dot w u.
Proof. by rewrite dotC dotDr !(dotC u). Qed.
Lemma dotZr c u v : dot u (c *: v) = c * dot u v.
Proof. by rewrite /dot -scalemxAr mxE. Qed.
Lemma dotZl c u v : dot (c *: u) v = c * dot u v.
Proof. by rewrite dotC dotZr dotC. Qed.
Lemma dotNr u v : dot u (- v) = - dot u v.
Proof. by rewrite -scaleN1r dotZr mulN1r. Qed.
Lemma dotNl u v : dot (- u) v = - dot u v.
Proof. by rewrite dotC dotNr dotC. Qed.
Lemma dotBr u v w : dot u (v - w) = dot u v - dot u w.
Proof. by rewrite dotDr dotNr. Qed.
Lemma dotBl u v w : dot (v - w) u = dot v u - dot w u.
Proof. by rewrite dotDl dotNl. Qed.
Lemma dot0r u : dot u 0 = 0.
Proof. by rewrite /dot mulmx0 mxE. Qed.
Lemma dot0l u : dot 0 u = 0.
Proof. by rewrite dotC dot0r. Qed.

Lemma sq_ge0 u : 0 <= sq u.
Proof. by rewrite /sq dotE; apply: sumr_ge0 => i _; rewrite -expr2 sqr_ge0. Qed.

Lemma sq_eq0 u : (sq u == 0) = (u == 0).
Proof.
apply/eqP/eqP => [|->]; last exact: dot0r.
rewrite /sq dotE => /eqP; rewrite psumr_eq0 => [/allP u0|i _]; last first.
  by rewrite -expr2 sqr_ge0.
apply/colP => i; rewrite mxE; apply/eqP.
by have := u0 i (mem_index_enum _); rewrite -expr2 sqrf_eq0.
Qed.

Lemma sq_gt0 u : (0 < sq u) = (u != 0).
Proof. by rewrite lt_neqAle sq_ge0 andbT eq_sym sq_eq0. Qed.

Lemma sqN u : sq (- u) = sq u.
Proof. by rewrite /sq dotNl dotNr opprK. Qed.

Lemma sqD u v : sq (u + v) = sq u + 2 * dot u v + sq v.
Proof.
by rewrite /sq dotDl !dotDr (dotC v u) [in 2 * _]mulr_natl mulr2n !addrA.
Qed.

Lemma pythagoras u v : dot u v = 0 -> sq (u + v) = sq u + sq v.
Proof. by rewrite sqD => ->; rewrite mulr0 addr0. Qed.
End Dot.

(** The transpose is the adjoint *)
Lemma dot_adj m n (A : 'M[R]_(m, n)) u v : dot (A *m u) v = dot u (A^T *m v).
Proof. by rewrite /dot trmx_mul mulmxA. Qed.

Section Gram.
Variables n p : nat.
Implicit Type J : 'M[R]_(n, p).

Lemma gramT J : (gram J)^T = gram J.
Proof. by rewrite /gram trmx_mul trmxK. Qed.

Lemma dot_gram J (u : 'cV_n) : dot u (gram J *m u) = sq (J^T *m u).
Proof. by rewrite /sq dot_adj trmxK mulmxA. Qed.

Lemma gram_psd J : psd (gram J).
Proof. by move=> u; rewrite dot_gram sq_ge0. Qed.

Lemma gram_eq0 J (u : 'cV_n) : (gram J *m u == 0) = (J^T *m u == 0).
Proof.
apply/eqP/eqP => [Ku0|Ju0]; last by rewrite /gram -mulmxA Ju0 mulmx0.
by apply/eqP; rewrite -sq_eq0 -dot_gram Ku0 dot0r.
Qed.

Lemma rank_gram J : \rank (gram J) = \rank J.
Proof.
apply/eqP; rewrite eqn_leq mxrankM_maxl /=.
have sub : (kermx (gram J) <= kermx J)%MS.
  apply/rV_subP => v /sub_kermxP vK; apply/sub_kermxP.
  apply: trmx_inj; rewrite trmx_mul trmx0; apply/eqP; rewrite -gram_eq0.
  by rewrite -(gramT J) -trmx_mul vK trmx0.
have := leq_sub2l n (mxrankS sub).
by rewrite !mxrank_ker !subKn ?rank_leq_row.
Qed.
End Gram.

(** The Gram matrix of a matrix with independent rows is invertible *)
Lemma gram_unit n p (J : 'M[R]_(n, p)) : (gram J \in unitmx) = (\rank J == n).
Proof. by rewrite -row_full_unit /row_full rank_gram. Qed.

(** The four conditions of Penrose, for a factorization of full rank *)
Section PinvCB.
Variables (n p r : nat) (C : 'M[R]_(n, r)) (B : 'M[R]_(r, p)).
Hypothesis uC : C^T *m C \in unitmx.
Hypothesis uB : B *m B^T \in unitmx.
Let X := pinvCB C B.

Lemma projCB : X *m (C *m B) = B^T *m invmx (B *m B^T) *m B.
Proof. by rewrite /X /pinvCB !mulmxA -(mulmxA _ C^T C) mulmxKV. Qed.
Lemma coprojCB : C *m B *m X = C *m invmx (C^T *m C) *m C^T.
Proof. by rewrite /X /pinvCB !mulmxA -(mulmxA C B) mulmxK. Qed.

Lemma penroseCB1 : C *m B *m X *m (C *m B) = C *m B.
Proof. by rewrite coprojCB !mulmxA -(mulmxA _ C^T C) mulmxKV. Qed.
Lemma penroseCB2 : X *m (C *m B) *m X = X.
Proof. by rewrite projCB /X /pinvCB !mulmxA -(mulmxA _ B B^T) mulmxKV. Qed.
Lemma penroseCB3 : (C *m B *m X)^T = C *m B *m X.
Proof. by rewrite coprojCB !trmx_mul trmxK trmx_inv trmx_mul trmxK mulmxA. Qed.
Lemma penroseCB4 : (X *m (C *m B))^T = X *m (C *m B).
Proof. by rewrite projCB !trmx_mul trmxK trmx_inv trmx_mul trmxK mulmxA. Qed.
Lemma traceCB : \tr (X *m (C *m B)) = r%:R.
Proof. by rewrite projCB -mulmxA mxtrace_mulC -mulmxA mulVmx // mxtrace1. Qed.
End PinvCB.

Section Pinv.
Variables n p : nat.
Implicit Type J : 'M[R]_(n, p).

Lemma unit_row_base J : row_base J *m (row_base J)^T \in unitmx.
Proof. by rewrite [_ \in _]gram_unit; exact: row_base_free. Qed.
Lemma unit_col_base J : (col_base J)^T *m col_base J \in unitmx.
Proof. by rewrite -{2}[col_base J]trmxK [_ \in _]gram_unit mxrank_tr; exact: col_base_full. Qed.

Lemma pinvE J : pinv J = pinvCB (col_base J) (row_base J).
Proof. by rewrite /pinv unlock. Qed.

Lemma penrose1 J : J *m pinv J *m J = J.
Proof. by have := penroseCB1 (unit_col_base J) (unit_row_base J); rewrite mulmx_base -pinvE. Qed.
Lemma penrose2 J : pinv J *m J *m pinv J = pinv J.
Proof. by have := penroseCB2 (unit_col_base J) (unit_row_base J); rewrite mulmx_base -pinvE. Qed.
Lemma penrose3 J : (J *m pinv J)^T = J *m pinv J.
Proof. by have := penroseCB3 (col_base J) (unit_row_base J); rewrite mulmx_base -pinvE. Qed.
Lemma penrose4 J : (pinv J *m J)^T = pinv J *m J.
Proof. by have := penroseCB4 (row_base J) (unit_col_base J); rewrite mulmx_base -pinvE. Qed.

Lemma projT J : (proj J)^T = proj J.
Proof. exact: penrose4. Qed.
Lemma projK J : J *m proj J = J.
Proof. by rewrite mulmxA penrose1. Qed.
Lemma projTK J : proj J *m J^T = J^T.
Proof. by rewrite -{1}(projT J) -trmx_mul projK. Qed.
Lemma coprojTK J : J^T *m (J *m pinv J) = J^T.
Proof. by rewrite -[J *m pinv J]penrose3 -trmx_mul penrose1. Qed.
Lemma projCT J : (1%:M - proj J)^T = 1%:M - proj J.
Proof. by rewrite linearB /= trmx1 projT. Qed.
Lemma proj_idem J : proj J *m proj J = proj J.
Proof. by rewrite /proj mulmxA penrose2. Qed.
Lemma trace_proj J : \tr (proj J) = (\rank J)%:R.
Proof. by have := traceCB (unit_col_base J) (unit_row_base J); rewrite mulmx_base -pinvE. Qed.
End Pinv.

(** The conditions of Penrose have one solution *)
Lemma pinv_unique n p (J : 'M[R]_(n, p)) (X : 'M[R]_(p, n)) :
  J *m X *m J = J -> X *m J *m X = X ->
  (J *m X)^T = J *m X -> (X *m J)^T = X *m J -> X = pinv J.
Proof.
move=> X1 X2 X3 X4; set Y := pinv J.
have Y1 : J *m Y *m J = J by exact: penrose1.
have Y2 : Y *m J *m Y = Y by exact: penrose2.
have Y3 : (J *m Y)^T = J *m Y by exact: penrose3.
have Y4 : (Y *m J)^T = Y *m J by exact: penrose4.
clearbody Y.
have JXY : J *m X = J *m Y.
  by rewrite -X3 -[in LHS]Y1 -mulmxA trmx_mul X3 Y3 mulmxA X1.
have XYJ : X *m J = Y *m J.
  by rewrite -X4 -[in LHS]Y1 -!mulmxA mulmxA trmx_mul X4 Y4 -mulmxA (mulmxA J) X1.
by rewrite -X2 XYJ -mulmxA JXY mulmxA Y2.
Qed.

(** Injective on columns = full column rank *)
Lemma inj_rank m n (A : 'M[R]_(m, n)) :
  (forall u : 'cV_n, A *m u = 0 -> u = 0) <-> \rank A = n.
Proof.
rewrite -mxrank_tr; split=> [inj | /eqP free u Au0].
  apply/eqP; rewrite -[_ == n]/(row_free A^T) -kermx_eq0.
  apply/rowV0P => v /sub_kermxP vA; apply: trmx_inj; rewrite trmx0; apply: inj.
  by rewrite -[A]trmxK -trmx_mul vA trmx0.
apply: trmx_inj; apply: (row_free_inj free).
by rewrite -trmx_mul Au0 !trmx0 mul0mx.
Qed.

(** A symmetric matrix may be moved from one side of an inner product to the other. *)
Lemma dot_sym n (M : 'M[R]_n) u v : M^T = M -> dot (M *m u) v = dot u (M *m v).
Proof. by move=> MT; rewrite dot_adj MT. Qed.

Lemma posdef_unit n (M : 'M[R]_n) : posdef M -> M \in unitmx.
Proof.
move=> pos; rewrite -row_full_unit; apply/eqP/inj_rank => u Mu.
by apply/eqP; apply: contraT => /pos; rewrite Mu dot0r ltxx.
Qed.

Lemma posdef_inv n (M : 'M[R]_n) : posdef M -> posdef (invmx M).
Proof.
move=> pos u u0; have uM := posdef_unit pos.
have v0 : invmx M *m u != 0.
  by apply: contraNneq u0 => v0; rewrite -(mulKVmx uM u) v0 mulmx0.
by have := pos _ v0; rewrite mulKVmx // dotC.
Qed.

Lemma dot_delta n (M : 'M[R]_n) i j : dot (delta_mx i 0) (M *m delta_mx j 0) = M i j.
Proof. by rewrite -colE /dot trmx_delta -rowE !mxE. Qed.

Lemma posdef_diag n (M : 'M[R]_n) i : posdef M -> 0 < M i i.
Proof.
move=> pos; rewrite -dot_delta; apply: pos.
by apply/eqP => /matrixP/(_ i 0); rewrite !mxE !eqxx => /eqP; rewrite oner_eq0.
Qed.

(** With a ridge, a positive semidefinite matrix becomes positive definite. *)
Lemma psd_ridge n (K : 'M[R]_n) nu : psd K -> 0 < nu -> posdef (K + nu%:M).
Proof.
move=> pos nu0 u u0; rewrite mulmxDl dotDr mul_scalar_mx dotZr.
by apply: ltr_paddl; [exact: pos | rewrite mulr_gt0 ?sq_gt0].
Qed.

Lemma invmx_sym n (M : 'M[R]_n) : M^T = M -> (invmx M)^T = invmx M.
Proof. by move=> MT; rewrite trmx_inv MT. Qed.

Lemma scalar_sym n (c : R) : (c%:M : 'M[R]_n)^T = c%:M.
Proof. by rewrite tr_scalar_mx. Qed.
End Algebra.

(** Inner product and pseudoinverse of a Gram matrix. *)
Section PinvGram.
Variable R : realFieldType.
Variables n p : nat.
Implicit Type J : 'M[R]_(n, p).

Lemma pinvT J : pinv J^T = (pinv J)^T.
Proof.
apply/esym/pinv_unique.
- by rewrite -trmx_mul -trmx_mul mulmxA penrose1.
- by rewrite -trmx_mul -trmx_mul mulmxA penrose2.
- by rewrite -trmx_mul trmxK penrose4.
- by rewrite -trmx_mul trmxK penrose3.
Qed.

Lemma gram_pinv J : gram J *m ((pinv J)^T *m pinv J) = J *m pinv J.
Proof.
by rewrite /gram mulmxA -(mulmxA J) -trmx_mul penrose4 !mulmxA penrose1.
Qed.

Lemma pinv_gram J : pinv (gram J) = (pinv J)^T *m pinv J.
Proof.
have KX := gram_pinv J.
have XK : (pinv J)^T *m pinv J *m gram J = J *m pinv J.
  by rewrite -[LHS]trmxK trmx_mul gramT [X in gram J *m X]trmx_mul trmxK KX penrose3.
apply/esym/pinv_unique; rewrite ?KX ?XK ?penrose3 //.
  by rewrite /gram mulmxA penrose1.
by rewrite -{1}penrose3 mulmxA -trmx_mul mulmxA penrose2.
Qed.

Lemma mulT_pinv_gram J : J^T *m pinv (gram J) = pinv J.
Proof. by rewrite pinv_gram mulmxA -trmx_mul penrose4 penrose2. Qed.
End PinvGram.

(** The pseudoinverse of an invertible matrix is its inverse. *)
Lemma pinv_unit (R : realFieldType) n (K : 'M[R]_n) : K \in unitmx -> pinv K = invmx K.
Proof.
move=> uK; apply/esym/pinv_unique.
- by rewrite mulmxV // mul1mx.
- by rewrite mulVmx // mul1mx.
- by rewrite mulmxV // trmx1.
- by rewrite mulVmx // trmx1.
Qed.

(** A multiple of a matrix has a multiple of the pseudoinverse. *)
Lemma pinvZ (R : realFieldType) n p (c : R) (J : 'M[R]_(n, p)) :
  c != 0 -> pinv (c *: J) = c^-1 *: pinv J.
Proof.
move=> c0; have cX : (c *: J) *m (c^-1 *: pinv J) = J *m pinv J.
  by rewrite -scalemxAl -scalemxAr scalerA mulfV // scale1r.
have Xc : (c^-1 *: pinv J) *m (c *: J) = pinv J *m J.
  by rewrite -scalemxAl -scalemxAr scalerA mulVf // scale1r.
apply/esym/pinv_unique; rewrite ?cX ?Xc ?penrose3 ?penrose4 //.
  by rewrite -scalemxAr penrose1.
by rewrite -scalemxAr penrose2.
Qed.

(** Cauchy and Schwarz, for the squares. *)
Lemma cauchy_schwarz_sq (R : realFieldType) m (u v : 'cV[R]_m) : dot u v ^+ 2 <= sq u * sq v.
Proof.
have [->|v0] := eqVneq v 0; first by rewrite /sq !dot0r expr0n mulr0.
have v2 : 0 < sq v by rewrite sq_gt0.
have := sq_ge0 (sq v *: u - dot u v *: v).
have -> : sq (sq v *: u - dot u v *: v) = sq v * (sq u * sq v - dot u v ^+ 2).
  by rewrite /sq !dotBl !dotBr !dotZl !dotZr (dotC v u); ring.
by rewrite pmulr_rge0 // subr_ge0.
Qed.

(** Lengths, where there are square roots. *)
Section Norm.
Variable R : rcfType.

Lemma norm_ge0 m (u : 'cV[R]_m) : 0 <= norm u.
Proof. exact: sqrtr_ge0. Qed.
Lemma norm_sq m (u : 'cV[R]_m) : norm u ^+ 2 = sq u.
Proof. by rewrite sqr_sqrtr //; exact: sq_ge0. Qed.
Lemma ler_norm_sq m (u v : 'cV[R]_m) : (norm u <= norm v) = (sq u <= sq v).
Proof. by rewrite -ler_sqr ?nnegrE ?norm_ge0 // !norm_sq. Qed.
Lemma ltr_norm_sq m (u v : 'cV[R]_m) : (norm u < norm v) = (sq u < sq v).
Proof. by rewrite !ltNge ler_norm_sq. Qed.
Lemma normN m (u : 'cV[R]_m) : norm (- u) = norm u.
Proof. by rewrite /norm sqN. Qed.

Lemma norm_eq0 m (u : 'cV[R]_m) : (norm u == 0) = (u == 0).
Proof. by rewrite -(sqrf_eq0 (norm u)) norm_sq sq_eq0. Qed.

Lemma cauchy_schwarz m (u v : 'cV[R]_m) : `|dot u v| <= norm u * norm v.
Proof.
rewrite -ler_sqr ?nnegrE ?normr_ge0 ?mulr_ge0 ?norm_ge0 //.
by rewrite exprMn !norm_sq real_normK ?num_real // cauchy_schwarz_sq.
Qed.

Lemma normZ m c (u : 'cV[R]_m) : norm (c *: u) = `|c| * norm u.
Proof.
rewrite {1}/norm /sq dotZl dotZr mulrA -expr2 sqrtrM ?sqr_ge0 //.
by rewrite sqrtr_sqr.
Qed.

Lemma norm_triangle m (u v : 'cV[R]_m) : norm (u + v) <= norm u + norm v.
Proof.
rewrite -ler_sqr ?nnegrE ?addr_ge0 ?norm_ge0 //.
have := le_trans (ler_norm _) (cauchy_schwarz u v).
rewrite sqrrD !norm_sq sqD => uv.
by rewrite ler_add2r ler_add2l [2 * _]mulr_natl ler_muln2r.
Qed.
End Norm.

(** Matrices as vectors, and the kernel of a network written out. *)
Section Kernel.
Variable R : rcfType.
Variables (dsigma : R -> R) (eps : R) (d : nat).

Lemma dot_vec m k (A B : 'M[R]_(m, k)) :
  dot (vec A) (vec B) = \sum_i \sum_j A i j * B i j.
Proof.
rewrite dotE pair_big /= (reindex _ (curry_mxvec_bij _ _)) /=.
by apply: eq_bigr => -[i j] _; rewrite !mxE !mxvecE.
Qed.

Lemma vecB m k (A B : 'M[R]_(m, k)) : vec A - vec B = vec (A - B).
Proof. by rewrite /vec !linearB. Qed.

Lemma gram_kern n m (a : 'I_m -> R) (W : 'M_(m, d)) (X : 'M_(n, d)) i i' :
  gram (jac dsigma eps a W X) i i' = kern dsigma eps a W (row i X)^T (row i' X)^T.
Proof. by rewrite /kern dotE mxE; apply: eq_bigr => k _; rewrite !mxE. Qed.

Lemma dot_grad m (a : 'I_m -> R) (W V : 'M_(m, d)) (x : 'cV_d) :
  dot (grad dsigma eps a W x) (vec V) =
  eps / Num.sqrt m%:R * \sum_j a j * dsigma ((W *m x) j 0) * (V *m x) j 0.
Proof.
rewrite dot_vec mulr_sumr; apply: eq_bigr => j _.
rewrite [(V *m x) j 0]mxE !mulr_sumr; apply: eq_bigr => k _.
by rewrite mxE -!mulrA [x k 0 * _]mulrC.
Qed.

Lemma kernE m (a : 'I_m -> R) (W : 'M_(m, d)) (x x' : 'cV_d) :
  kern dsigma eps a W x x' = (eps / Num.sqrt m%:R) ^+ 2 *
    (\sum_j a j ^+ 2 * (dsigma ((W *m x) j 0) * dsigma ((W *m x') j 0))) * dot x x'.
Proof.
rewrite /kern dot_vec -mulrA mulr_suml mulr_sumr; apply: eq_bigr => j _.
rewrite dotE !mulr_sumr; apply: eq_bigr => k _; rewrite !mxE.
by rewrite mulrACA [X in _ * X]mulrACA [X in _ * (X * _)]mulrACA -!expr2 !mulrA.
Qed.
End Kernel.

