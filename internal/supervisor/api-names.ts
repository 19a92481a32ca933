/** A name that every API server of the cluster has in its certificate. */
export const serverNameOfApi = 'kubernetes';
