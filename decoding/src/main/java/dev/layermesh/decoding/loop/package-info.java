/**
 * The loop of speculative decoding, and the ports it calls: a {@link dev.layermesh.decoding.loop.Drafter} proposes
 * tokens, a {@link dev.layermesh.decoding.loop.Verifier} judges them, {@link
 * dev.layermesh.decoding.loop.SpeculativeDecoder} commits what was accepted and hands it to a {@link
 * dev.layermesh.decoding.loop.TokenSink}. Depends on the JDK alone.
 */
package dev.layermesh.decoding.loop;
