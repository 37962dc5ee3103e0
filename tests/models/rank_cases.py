"""What the tests of rank correlations share: reference cases, lists as columns, simulated lists."""

import json

import numpy as np


def reference(shared, name):
    """A reference case: inputs, outputs, tolerance."""
    cases = json.loads((shared / "data" / "reference" / "statistics.json").read_text())["cases"]
    return next(case for case in cases if case["id"] == name)


def reference_lists(inputs):
    """list_id, position, votes of the lists of a case, numbered as they come."""
    lists = list(inputs.values())
    list_id = np.repeat(np.arange(len(lists)), [len(x["shares"]) for x in lists])
    return list_id, *(np.concatenate([np.asarray(x[key], float) for x in lists]) for key in ("position", "shares"))


def columns(votes_by_list):
    """list_id, position 1.., votes of lists given as votes from the top down."""
    sizes = [len(votes) for votes in votes_by_list]
    position = np.concatenate([np.arange(1.0, size + 1) for size in sizes])
    return np.repeat(np.arange(len(sizes)), sizes), position, np.concatenate(votes_by_list).astype(float)


def ragged(seed, lists=120, longest=40, unknown=0.1):
    """Lists of many lengths, positions in random order with ties, votes with ties and NaN."""
    rng = np.random.default_rng(seed)
    list_id, position, votes = columns([np.floor(rng.lognormal(0, 1.5, m)) for m in rng.integers(1, longest, lists)])
    position = np.ceil(position[np.lexsort((rng.random(votes.size), list_id))] / 2)
    return list_id, position, np.where(rng.random(votes.size) < unknown, np.nan, votes)


def domain_world(rng, keywords, size, domains, share):
    """keyword, domain, position, votes in a world where domains move votes and, independently, positions."""
    popularity = -np.log(np.arange(1, domains + 1) ** -0.8)
    domain = np.argsort(popularity + rng.gumbel(size=(keywords, domains)) * -1, axis=1)[:, :size]
    height, votes = (
        np.sqrt(share) * rng.normal(size=domains)[domain] + np.sqrt(1 - share) * rng.normal(size=domain.shape)
        for _ in range(2)
    )
    position = np.argsort(np.argsort(-height, axis=1), axis=1) + 1.0
    keyword = np.repeat(np.arange(keywords), size)
    return keyword, domain.ravel(), position.ravel(), np.floor(np.exp(1 + 1.5 * votes)).ravel()
