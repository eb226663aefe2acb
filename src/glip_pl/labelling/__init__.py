"""A teacher labels captions: jobs, engines, the labelling of a shard, and its quality."""
