"""Label captions: `python -m glip_pl.pseudo_label source.shards='cc3m/*.tar' ckpt=...`."""

from hydra.utils import instantiate
from omegaconf import DictConfig

from glip_pl.checkpoints.reading import read_checkpoint
from glip_pl.files.claim import claim
from glip_pl.labelling.job import LabellingJob
from glip_pl.labelling.joining import join_shards
from glip_pl.labelling.sample_page import write_sample_page
from glip_pl.prompts.noun_phrases import NounPhrases
from glip_pl.running.cli import command


def pseudo_label(config: DictConfig) -> None:
    """Detect boxes for the noun phrases of all captions; complete shards are not labelled again.

    Any number of processes, on any number of machines that share the folder, may run this at the
    same time: each labels shards that no other process is labelling, and at the end the shards of
    processes that died. Raises UserError if the folder holds labels of another teacher or source.
    """
    job = LabellingJob.of(config)
    read_checkpoint(job.teacher)  # a mistake is reported before the folder is claimed
    NounPhrases.load(job.phrases)
    claim(job.output / "job.json", job.identity(), "Set output= to another folder.")
    job.label_missing_shards(instantiate(config.engine))
    summary = join_shards(job.output, job.shards)
    summary.show()
    print(f"labels: {job.output}")
    print(f"random labelled pictures: {write_sample_page(job, config.seed)}")


main = command("pseudo_label", output="output")(pseudo_label)

if __name__ == "__main__":
    main()
