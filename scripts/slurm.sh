#!/usr/bin/env bash
# Pre-trains GLIP-T on two nodes with eight GPUs each: 16 processes with 4 images each give the
# paper's batch of 64.
#SBATCH --job-name=glip_pl
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=72:00:00
set -euo pipefail
srun .venv/bin/python -m glip_pl.train experiment=pretrain_o365_goldg trainer=slurm logger=wandb "$@"
