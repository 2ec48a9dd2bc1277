// SPDX-License-Identifier: Apache-2.0

// Package openpb has messages of an edition with the open API.
package openpb
