/** What the driver answers instead of an address; a sentence for the person who typed `docker run`. */
export class DriverRefusal extends Error {
  override readonly name = 'DriverRefusal';
}

/** What this host holds has to be confirmed by the server first. */
export class NotConfirmed extends DriverRefusal {}
