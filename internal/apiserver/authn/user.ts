/** Who asks: the outcome of authentication. */
export interface UserInfo {
  name: string;
  uid?: string;
  groups: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
  /**
   * A part of this very process, not somebody at the door: webhooks are not asked about it. Nothing
   * that is read from outside sets this.
   */
  inside?: true;
}
