/** The OpenAI surface: reads requests of its three protocols and writes their answers. */
package dev.layermesh.gateway.api;
