/** What the driver answers instead of an address; a sentence for the person who typed `docker run`. */
export class DriverRefusal extends Error {
  override readonly name = 'DriverRefusal';
}
