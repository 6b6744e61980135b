/** Links that an undone change of a network had set up, where they were down before. */
export type LinksToRestore = Readonly<
  Record<
    /** Id of our network. */
    string,
    {
      /** Generation of the network that was undone. */
      readonly generation: number;
      readonly links: readonly string[];
    }
  >
>;

/** Links that wait to be set down again; on disk from before they were set up. */
export interface LinksToRestoreStore {
  readonly all: () => LinksToRestore;
  /** This link was set down, or stays as it is: from here on it is whoever's who set it up. */
  readonly forget: (networkId: string, link: string) => Promise<void>;
}
