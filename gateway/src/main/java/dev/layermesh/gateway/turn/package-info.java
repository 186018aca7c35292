/** One generation for one client, whatever the protocol: planned, started, streamed with back-pressure, ended once. */
package dev.layermesh.gateway.turn;
