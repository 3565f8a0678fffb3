/* WANT: everything that the manifests ask of this host, checked and made whole. Built by want/, read by all
 * above. */
#pragma once
#include "base/index.h"
#include "model/identity.h"
#include "model/schema.h"

/* A PATH of the command line. */
struct source_root {
	const char *given; /* as the user wrote it */
	const char *path;  /* absolute, by text */
	bool is_file;      /* never prunes */
	bool readable;     /* it was there and could be read to the end */
	bool missing;      /* it was not there */
	uint32_t files;    /* manifest files that were found */
	uint32_t broken;   /* of those: unreadable, zero bytes, or with an error */
};

/* One document. */
struct object {
	enum kind kind;
	const char *name;      /* metadata.name */
	const char *text;      /* "Domain/web-1" */
	const struct mark *at; /* where metadata.name stands */
	const struct source_root *root;
	union {
		void *body;
		struct Domain *domain;
		struct Volume *volume;
		struct Image *image;
		struct Host *host;
	};
	bool elsewhere;      /* metadata.host names another host: validated, then left alone */
	bool broken;         /* has errors: it is not acted on, and nothing is pruned */
	bool kept;           /* its last good form: what its file says now is broken (want/kept.h) */
	const char *refused; /* not yet supported: what, and `refused_at` where; NULL if it can be done */
	const struct mark *refused_at;
};

/* A volume, declared or inline: one thing for all that comes after. */
struct wanted_volume {
	const char *name; /* metadata.name, or <domain>-<vdev> */
	char uid[UID_SIZE];
	uint32_t index;              /* its place in want->volumes */
	const struct object *object; /* the Volume, or the Domain that it is inline in */
	const char *vdev;            /* inline: the disk; NULL for a declared one */
	const char *domain_uid;      /* inline */
	struct list chain;           /* struct Layer, bottom first */
	enum reclaim reclaim;
	bool protect;
	const struct mark *at; /* where its chain stands */
};

struct wanted_disk {
	const struct Disk *disk;
	struct wanted_volume *volume; /* NULL: names a Volume that is not there (an error was reported) */
};

/* A file on a config drive. */
struct config_file {
	const char *name, *bytes;
	size_t size;
};

/* The drive that tells a guest who it is. Secrets are in the bytes of its files, and nowhere else. */
struct wanted_config {
	const struct Config *spec;
	struct list files;              /* struct config_file, sorted by name */
	bool known;                     /* false: a file that is only on the host itself is not here */
	bool password;                  /* it holds one: it never lies on a disk that outlives a boot */
	int64_t timeout;                /* seconds for the guest's word; 0: nobody waits for one */
	const struct Disk *disk;        /* how the guest sees it */
	struct wanted_volume volume;    /* its name, and the uid that links know it by; it is no volume */
	const struct wanted_disk *root; /* the disk whose volume remembers what was delivered */
	const struct mark *at;
};

struct wanted_domain {
	const struct object *object;
	char uid[UID_SIZE];
	const char *name;                   /* metadata.name */
	const char *xen_name;               /* spec.domainName, or the name */
	const struct DomainSpec *spec;      /* nics have name and mac, derived where the author set none */
	struct list disks;                  /* struct wanted_disk, in manifest order */
	const struct wanted_config *config; /* NULL: none */
};

struct wanted_image {
	const struct object *object;
	uint32_t index; /* its place in want->images */
	const char *name;
	const char *path; /* absolute */
	enum disk_format format;
	const char *sha256; /* NULL: not asked for */
};

struct want {
	struct arena *arena;
	const struct HostSpec *host; /* with every default filled in */
	const char *owner, *host_name;
	struct list roots;           /* struct source_root */
	struct list objects;         /* struct object, sorted by kind and name; also broken ones and those for
					elsewhere */
	struct list domains;         /* struct wanted_domain, sorted by name: neither broken nor elsewhere */
	struct list volumes;         /* struct wanted_volume, sorted by name */
	struct index volumes_by_uid; /* the same, by uid */
	struct list images;          /* struct wanted_image, sorted by name */
	/* const char *: the uids of all Domains and Volumes that are not broken, also of refused ones
	 * and of those for another host. None of them is pruned; a broken one blocks all pruning. */
	struct index uids;
	struct list
		named; /* const char *: files that manifests name and that were read with them, absolute */
	bool complete; /* every root was read to the end and no file is broken: pruning is thinkable */
};

/* Each is a binary search in what is above; NULL where there is no such. */
struct wanted_domain *want_domain(const struct want *, const char *name);
bool want_names(const struct want *, const char *uid); /* is it among `uids`? */
struct wanted_volume *want_volume(const struct want *, const char *uid);
struct wanted_image *want_image(const struct want *, const char *name);
const struct object *want_object(const struct want *, enum kind, const char *name);
