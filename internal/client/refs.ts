export { refs } from '../api/generated/refs.ts';
