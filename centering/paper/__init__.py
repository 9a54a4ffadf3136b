"""What the paper's presentation needs: experiments, figures, silhouettes, Frechet means."""
