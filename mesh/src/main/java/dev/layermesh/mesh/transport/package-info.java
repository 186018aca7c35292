/**
 * Sessions and windows over a bus that may lose, repeat, delay and reorder: the two ports of decoding that cross
 * machines.
 *
 * <p>{@link dev.layermesh.mesh.transport.RemoteVerifiers} and {@link dev.layermesh.mesh.transport.VerifyEndpoint} carry
 * a loop's work to a verify worker; {@link dev.layermesh.mesh.transport.RemoteSessions} and
 * {@link dev.layermesh.mesh.transport.SessionEndpoint} carry a session to a draft worker and its tokens back. One
 * address per worker and gateway ({@link dev.layermesh.mesh.transport.Addresses}); session, epoch and seq travel in the
 * frame.
 *
 * <p>Threads: callbacks of the bus decode and move bytes; whatever may wait (a loop, a verifier's device) waits on a
 * virtual thread of its session. State is guarded by short locks that are never held while waiting.
 */
package dev.layermesh.mesh.transport;
