// Package seal keeps secrets unreadable where they are stored and sent: only a process that holds the key file can open
// them.
//
// It promises that what is sealed says nothing of the secret but its length, that it opens for the purpose that it was
// sealed for and for no other, and that no error or log line holds a secret or a key (invariant 9). A key file is one of
// age (https://age-encryption.org) with an X25519 identity: age-keygen makes one too.
//
// Callers must keep the key file away from the bus and its backups, and keep a copy of it: without it every secret has to
// be given again. Everybody who holds the file can open all that was sealed with it.
//
// It would be a bug if a secret that was sealed for one purpose opened for another.
package seal
