import { ApiError } from '../../api/status.ts';

/** What kube-apiserver's router says before any handler is asked. */
export const pathNotFound = (): ApiError =>
  new ApiError('NotFound', 'the server could not find the requested resource', { details: {} });

export const methodNotAllowed = (): ApiError =>
  new ApiError(
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    { details: {} },
  );
