"""What the service counts, beside what BentoML counts for every service; all of it stands at `/metrics`."""

from prometheus_client import Counter

answers = Counter("recommender_answers", "Answers of the recommender by strategy.", ["strategy"])
unread = Counter("recommender_store_failures", "Readings of the feature store that failed, by what was read.", ["what"])
