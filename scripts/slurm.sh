#!/usr/bin/env bash
# GLIP-T on two nodes of eight GPUs: 16 processes of 4 images make the paper's batch of 64.
#SBATCH --job-name=glip_pl
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=72:00:00
set -euo pipefail
srun .venv/bin/python -m glip_pl.train experiment=pretrain_o365_goldg trainer=slurm logger=wandb "$@"
