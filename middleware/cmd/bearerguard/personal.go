package main

import (
	"regexp"
	"slices"
	"strings"
)

// isPersonal reports whether a member of this name is about a person: the claims of OpenID
// Connect Core 1.0 section 5.1, and those that providers add. Names are compared without case
// and punctuation, and without a namespace in front: "https://example.com/givenName" and
// "custom:given_name" are given_name.
func isPersonal(name string) bool {
	name = name[strings.LastIndexAny(name, "/:.#")+1:]
	return slices.Contains([]string{
		"address", "birthdate", "birthday", "city", "clientip", "displayname", "email", "emailaddress", "emails",
		"familyname", "firstname", "formattedname", "fullname", "gender", "givenname", "ip", "ipaddr", "ipaddress",
		"lastname", "login", "loginhint", "mail", "middlename", "mobile", "mobilephone", "name", "nickname",
		"phone", "phonenumber", "photo", "picture", "postalcode", "preferredusername", "profile", "street",
		"streetaddress", "surname", "telephonenumber", "uniquename", "upn", "username",
		"verifiedprimaryemail", "verifiedsecondaryemail", "website",
	}, plain(name))
}

// plain keeps the letters and digits of a name, in lower case.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, name)
}

var address = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)

// isAddress reports whether s is an e-mail address, which some providers put into sub.
func isAddress(s string) bool { return address.MatchString(s) }
