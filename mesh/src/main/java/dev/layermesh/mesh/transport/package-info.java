/**
 * The two ports of decoding that cross machines, {@code Verifier} and {@code SessionHost}, over a bus that may lose,
 * repeat, delay and reorder frames.
 *
 * <p>{@link dev.layermesh.mesh.transport.RemoteVerifiers} and {@link dev.layermesh.mesh.transport.VerifyEndpoint} carry
 * a loop's work to a verify worker; {@link dev.layermesh.mesh.transport.RemoteSessions} and
 * {@link dev.layermesh.mesh.transport.SessionEndpoint} carry a session to a draft worker and its tokens back. One
 * address per worker and gateway ({@link dev.layermesh.mesh.transport.Addresses}); session, epoch and seq travel in the
 * frame.
 *
 * <p>A session has four ends: {@code GatewaySession} and {@code DraftSession}, {@code RemoteVerifier} and {@code
 * ServedVerifier}. They share {@code Resend}, which says when to send again, and {@code InOrder}, which puts what
 * arrives in order.
 *
 * <p>Threads: the bus thread decodes frames and delivers them. Code that may block (a session's loop, a verifier's
 * device) runs on a virtual thread of its session. Locks are short; no thread holds one while it waits.
 */
package dev.layermesh.mesh.transport;
