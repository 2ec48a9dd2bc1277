// SPDX-License-Identifier: Apache-2.0

package server

// Quick reports whether the calls of a method are answered by the goroutines that read them.
func (s *Server) Quick(path string) bool {
	known, found := s.lookup(path)
	return found && known.pace.quick.Load()
}
