package webhook

// Encrypted is the store as a dispatcher with these keys uses it.
func Encrypted(s Store, keys ...EncryptionKey) Store {
	return newEncryptedStore(s, keys, func(string, error) {})
}
