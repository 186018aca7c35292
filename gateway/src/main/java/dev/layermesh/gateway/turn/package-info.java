/** Turns: a turn plans one request, runs its session and streams the answer to one client, in any protocol. */
package dev.layermesh.gateway.turn;
