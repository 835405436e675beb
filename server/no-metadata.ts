/**
 * For @peculiar/x509, which must find on `Reflect` the methods that decorators
 * were once to have metadata from, and does nothing here that would need any:
 * they answer that there is none. Imported before it, for this effect.
 */
const reflect = Reflect as unknown as Record<string, unknown>
for (const name of ['getMetadata', 'getOwnMetadata', 'defineMetadata']) reflect[name] ??= () => undefined
