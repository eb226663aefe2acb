"""A teacher labels captions: jobs, engines, the labelling of a shard, its quality."""
