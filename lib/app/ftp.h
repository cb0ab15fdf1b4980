/* What the control connection of FTP tells about a data connection. */
#ifndef SEK_APP_FTP_H
#define SEK_APP_FTP_H

#include "lib/app/app.h"

enum ftp_data_kind { FTP_DATA_NONE, FTP_DATA_RETR, FTP_DATA_STOR };

#endif
