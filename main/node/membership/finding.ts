/** What kind of thing is wrong. Stable, for scripts. */
export type FindingKind =
  | 'Port'
  | 'Discovery'
  | 'Link'
  | 'Key'
  | 'Version'
  | 'Identity'
  | 'Clock'
  | 'Permission'
  | 'Disk'
  | 'Master'
  | 'Behind'
  | 'Rdma'
  | 'System'
  | 'Bridge';

/** One thing that is wrong: in words what, on which node, and what a person can do. */
export interface Finding {
  readonly kind: FindingKind;
  readonly what: string;
  /** Name of a node, of two joined by " – ", or a path. */
  readonly where: string;
  readonly advice: string;
}
