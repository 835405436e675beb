/** Something in the demo is not as it should be. */
export class DemoFailure extends Error {}
