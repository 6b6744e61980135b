/**
 * Docker's words when containerd still has what a dockerd began for a container just before it was killed: a later start of
 * that container fails until Docker clears it away. No matter of networks, and nobody's promise (seen with 20.10).
 */
export const containerdKept = /task \S+: already exists/;
