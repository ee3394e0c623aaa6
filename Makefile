# make            build every variant into build/VARIANT/lib; VARIANTS=notls DEFAULT=notls leaves OpenSSL out
# make install    DESTDIR= PREFIX=/usr/local LIBDIR=$(PREFIX)/lib INCLUDEDIR= MANDIR=
# make demo       a server and a client in C, built against a local installation, talking
# make check      every test there is; make check-fast leaves out what takes long
# make bench      speed and memory, next to the reference
# make headers    writes include/coap3, libcoap-3.sym and the status table of README.md anew
# make deps       installs what building and testing need (Debian), or says how
#
# `make` and `make install` need cargo, cc and GNU binutils, and for the variant openssl its headers and pkg-config.
# `make install` does not need cargo where it was not changed since `make`: the one who installs may be another than the one
# who builds.

VARIANTS = notls openssl
# The one that -lcoap-3 means, and that coap_defines.h speaks of.
DEFAULT = openssl

SOVERSION = 3
FILEVERSION = 3.2.0
APIVERSION = 4.3.5

DESTDIR =
PREFIX = /usr/local
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
MANDIR = $(PREFIX)/share/man

CARGO = cargo
CC = cc
LD = ld
AR = ar
OBJCOPY = objcopy
INSTALL = install

.PHONY: all install uninstall demo check check-fast bench headers deps clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(VARIANTS:%=build/%/done) build/$(DEFAULT)/plain.so

# One file of Rust code and all it depends on. Cargo decides whether there is something to do.
target/%/release/libcoap_3.a: FORCE
	@if [ -e $@ ] && ! command -v $(CARGO) >/dev/null; then echo "no cargo here: taking $@ as it is"; exit 0; fi; \
	mkdir -p build/$* && echo "cargo rustc --release --features $*" \
	&& COAP_ARTEFACT=$* $(CARGO) rustc --release --lib --crate-type staticlib --no-default-features --color never \
	  --features $* --target-dir target/$* -- --print native-static-libs 2>build/$*/cargo.log \
	&& sed -n 's/^note: native-static-libs: //p' build/$*/cargo.log >build/$*/native-static-libs \
	|| { cat build/$*/cargo.log >&2; \
	     ! grep -q 'build command for `openssl-sys' build/$*/cargo.log \
	     || echo "OpenSSL 3 and its headers are needed (Debian: libssl-dev), or VARIANTS=notls DEFAULT=notls" >&2; exit 1; }

# The symbol version of every exported function, and nothing else exported.
build/libcoap-3.map: libcoap-3.sym
	@mkdir -p build
	{ echo 'VER_3 {'; echo '  global:'; sed 's/.*/    &;/' $<; echo '  local: *;'; echo '};'; } >$@

# The shared object, by GNU ld: an archive of Rust code cannot carry symbol versions by itself.
build/%/shared.so: target/%/release/libcoap_3.a build/libcoap-3.map
	$(CC) -shared -o $@ -Wl,-soname,libcoap-3-$*.so.$(SOVERSION) \
	  -Wl,--version-script=build/libcoap-3.map -Wl,--no-undefined-version \
	  -Wl,--whole-archive $< -Wl,--no-whole-archive -Wl,--gc-sections -Wl,-Bsymbolic-functions \
	  -Wl,--as-needed -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,--strip-debug \
	  $(LDFLAGS) $$(cat build/$*/native-static-libs)

# The static archive: one object in which all but the public functions is local, so that it can
# stand beside another Rust archive in one program.
build/%/static.a: target/%/release/libcoap_3.a libcoap-3.sym
	$(LD) -r --force-group-allocation -o build/$*/all.o --whole-archive $<
	$(OBJCOPY) --keep-global-symbols=libcoap-3.sym --remove-section .llvmbc --remove-section .llvmcmd \
	  --strip-debug build/$*/all.o
	rm -f $@
	$(AR) rcs $@ build/$*/all.o
	rm -f build/$*/all.o

# The names that programs look for.
build/%/done: build/%/shared.so build/%/static.a
	@mkdir -p build/$*/lib
	ln -f build/$*/shared.so build/$*/lib/libcoap-3-$*.so.$(FILEVERSION)
	ln -sf libcoap-3-$*.so.$(FILEVERSION) build/$*/lib/libcoap-3-$*.so.$(SOVERSION)
	ln -sf libcoap-3-$*.so.$(FILEVERSION) build/$*/lib/libcoap-3-$*.so
	ln -f build/$*/static.a build/$*/lib/libcoap-3-$*.a
	touch $@

# Programs that were linked to a libcoap built by CMake ask for libcoap-3.so.3, and for no symbol version. An object of
# that name leads them on to the default variant. It is no symbolic link, since ldconfig goes by the names inside.
build/%/plain.so: build/%/done
	$(CC) -shared -nostdlib -o $@ -Wl,-soname,libcoap-3.so.$(SOVERSION) -Wl,--no-as-needed -Wl,-z,noexecstack \
	  build/$*/lib/libcoap-3-$*.so.$(SOVERSION)

# What a static link needs beside what every C compiler adds by itself.
PRIVATE_LIBS = $(filter-out -lgcc_s -lc,$(shell cat build/$(1)/native-static-libs))
FILL = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' \
  -e '/^prefix=/!s|=$(PREFIX)/|=$${prefix}/|' \
  -e 's|@VERSION@|$(APIVERSION)|g' -e 's|@VARIANT@|$(1)|g' -e 's|@PRIVATE_LIBS@|$(PRIVATE_LIBS)|g'

# Where the files go for now. The names may have blanks.
TO_LIB = $(DESTDIR)$(LIBDIR)
TO_INCLUDE = $(DESTDIR)$(INCLUDEDIR)
TO_MAN = $(DESTDIR)$(MANDIR)
PAGES = $(wildcard man/*.[357] man/*/*.[357])

install: all $(VARIANTS:%=install-%)
	$(INSTALL) -m 644 build/$(DEFAULT)/plain.so "$(TO_LIB)/libcoap-3.so.$(SOVERSION)"
	ln -sf libcoap-3-$(DEFAULT).so.$(FILEVERSION) "$(TO_LIB)/libcoap-3.so"
	ln -sf libcoap-3-$(DEFAULT).a "$(TO_LIB)/libcoap-3.a"
	$(call FILL,$(DEFAULT)) pkgconfig/libcoap-3.pc.in >"$(TO_LIB)/pkgconfig/libcoap-3.pc"
	$(INSTALL) -d "$(TO_INCLUDE)/coap3" "$(TO_LIB)/cmake/libcoap"
	$(INSTALL) -m 644 include/coap3/*.h "$(TO_INCLUDE)/coap3"
# It is written for the default that is usual.
ifneq ($(DEFAULT),openssl)
	sed -i 's/^\(#define COAP_WITH_LIBOPENSSL\) .*/\1 0/' "$(TO_INCLUDE)/coap3/coap_defines.h"
endif
	$(INSTALL) -m 644 cmake/libcoap-config-version.cmake "$(TO_LIB)/cmake/libcoap"
	sed -e 's|@TO_INCLUDEDIR@|$(shell realpath -m --relative-to='$(LIBDIR)/cmake/libcoap' '$(INCLUDEDIR)')|' \
	  cmake/libcoap-config.cmake.in >"$(TO_LIB)/cmake/libcoap/libcoap-config.cmake"
	@echo "installing the manual pages in $(TO_MAN)"
	@for page in $(PAGES); do \
	  $(INSTALL) -D -m 644 $$page "$(TO_MAN)/man$${page##*.}/$${page##*/}" || exit 1; \
	done
	@man/aliases "$(TO_MAN)"

install-%: build/%/done
	$(INSTALL) -d "$(TO_LIB)/pkgconfig"
	$(INSTALL) -m 644 build/$*/lib/libcoap-3-$*.so.$(FILEVERSION) "$(TO_LIB)"
	ln -sf libcoap-3-$*.so.$(FILEVERSION) "$(TO_LIB)/libcoap-3-$*.so.$(SOVERSION)"
	ln -sf libcoap-3-$*.so.$(FILEVERSION) "$(TO_LIB)/libcoap-3-$*.so"
	$(INSTALL) -m 644 build/$*/lib/libcoap-3-$*.a "$(TO_LIB)"
	$(call FILL,$*) pkgconfig/libcoap-3-VARIANT.pc.in >"$(TO_LIB)/pkgconfig/libcoap-3-$*.pc"

uninstall:
	@echo "removing what make install put into $(TO_LIB), $(TO_INCLUDE) and $(TO_MAN)"
	@for name in libcoap-3 $(VARIANTS:%=libcoap-3-%); do \
	  rm -f "$(TO_LIB)/$$name".so "$(TO_LIB)/$$name".so.$(SOVERSION) "$(TO_LIB)/$$name".so.$(FILEVERSION) \
	    "$(TO_LIB)/$$name".a "$(TO_LIB)/pkgconfig/$$name.pc"; \
	done
	rm -rf "$(TO_LIB)/cmake/libcoap" "$(TO_INCLUDE)/coap3"
	@man/aliases "$(TO_MAN)" remove
	@for page in $(PAGES); do rm -f "$(TO_MAN)/man$${page##*.}/$${page##*/}"; done

# One variant is enough to show.
demo:
	@VARIANTS=$(DEFAULT) tools/deps demo
	@DEFAULT=$(DEFAULT) demo/run

check:
	@tools/deps check
	@tools/check full

check-fast:
	@tools/deps check
	@tools/check fast

bench: all
	$(CARGO) run -q --release -p bench -- --lib build/notls/lib --include include \
	  $(if $(filter openssl,$(VARIANTS)),--secured-lib build/openssl/lib)

headers:
	$(CARGO) run -q -p headers
	$(CARGO) run -q -p abi -- status

deps:
	@VARIANTS="$(VARIANTS)" tools/deps install

clean:
	rm -rf build _prefix target
	$(CARGO) clean
