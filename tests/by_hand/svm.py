"""The SVM loss with loops; one function returns the loss and its gradient."""

import numpy as np

import chainrule as cr


def svm_loss_naive(W, X, y, reg):
    dW = np.zeros(W.shape)
    num_classes = W.shape[1]
    num_train = X.shape[0]
    loss = 0.0
    for i in range(num_train):
        scores = X[i].dot(W)
        correct_class_score = scores[y[i]]
        for j in range(num_classes):
            if j == y[i]:
                continue
            margin = scores[j] - correct_class_score + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= num_train
    dW /= num_train
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW


def check():
    r = np.random.default_rng(3)
    return cr.check(svm_loss_naive, argnums="W", against=svm_loss_naive)(
        r.normal(size=(4, 3)), r.normal(size=(5, 4)), r.integers(0, 3, 5), 0.07
    )


MISTAKES = [
    ("sign", "dW[:, y[i]] -= X[i]", "dW[:, y[i]] += X[i]"),
    ("row", "dW[:, j] += X[i]", "dW[:, j] = X[i]"),
    ("n", "dW /= num_train", "dW /= num_classes"),
    ("2", "dW += 2 * reg * W", "dW += reg * W"),
    ("no reg", "dW += 2 * reg * W", "dW += 0 * W"),
]
