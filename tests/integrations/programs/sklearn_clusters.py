"""Find clusters in the principal components of points in many dimensions."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

rng = np.random.default_rng(0)
centers = rng.normal(0, 5, (4, 50))
truth = np.arange(4000) % 4
points = centers[truth] + rng.normal(0, 1, (4000, 50))

components = PCA(n_components=8, svd_solver="full").fit_transform(points)
found = KMeans(n_clusters=4, n_init=10, random_state=0).fit_predict(components)
sizes = np.bincount(found)
print(f"components: {components.shape}, sizes: {sorted(sizes.tolist())}")
