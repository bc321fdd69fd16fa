"""The kernel behind histories at size: who and what is frequent, numbered by first appearance, in order of time.

Works on R interactions whose users and items are already codes, so that a pass costs a few bytes for each of them.
"""

import numpy as np

WORD = 63  # bits of a packed key that sorts as a non-negative int64


def k_core_mask(users_R: np.ndarray, items_R: np.ndarray, core: int) -> np.ndarray:
    """Which interactions are left, bool [R], when users and items with fewer than `core` go until none is left.

    The counts are kept up to date by what each pass drops: only the first pass counts all.

    Args:
        users_R: codes 0, 1, …, any integer type.
        items_R: likewise.
        core: least number of interactions.
    """
    left_R = np.ones(len(users_R), dtype=bool)
    counts = [(codes_R, np.bincount(codes_R)) for codes_R in (users_R, items_R)]
    while True:
        rare_R = np.zeros(len(left_R), dtype=bool)
        for codes_R, count in counts:
            rare_R |= (count < core)[codes_R]
        rare_R &= left_R
        if not rare_R.any():
            return left_R
        left_R &= ~rare_R
        for codes_R, count in counts:
            count -= np.bincount(codes_R[rare_R], minlength=len(count))


def factorize(codes_R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number what appears from 0 on in the order of its first appearance.

    Returns:
        The row in which each number first appears, int64; and the number of each row, int32 [R].
    """
    first = np.full(int(codes_R.max(initial=0)) + 1, len(codes_R), dtype=np.int64)
    first[codes_R[::-1]] = np.arange(len(codes_R))[::-1]  # of equal codes the last assignment stays: the first row
    order = np.argsort(first)[: np.count_nonzero(first < len(codes_R))]
    numbers = np.empty(len(first), dtype=np.int32)
    numbers[order] = np.arange(len(order), dtype=np.int32)
    return first[order], numbers[codes_R]


def argsort_by_user_time(users_R: np.ndarray, times_R: np.ndarray) -> np.ndarray:
    """The order of interactions, int64 [R], by user, then by time; ties keep the order of rows.

    One sort of one key: user and time share a word, time in the coarsest unit that tells all times apart.
    """
    if not len(times_R):
        return np.arange(0)
    since_R = times_R - times_R.min()
    since_R //= max(int(np.gcd.reduce(since_R)), 1)
    width = int(since_R.max()).bit_length()
    if width + int(users_R.max()).bit_length() > WORD:
        return np.lexsort((times_R, users_R))
    since_R |= users_R.astype(np.int64) << width
    return np.argsort(since_R, kind="stable")
