package access

import "golang.org/x/crypto/bcrypt"

// CheapPasswordLine is PasswordLine without its price, DearCost what that is.
func CheapPasswordLine(name, role, password string) (string, error) {
	return passwordLine(name, role, password, bcrypt.MinCost)
}

const DearCost = passwordCost
